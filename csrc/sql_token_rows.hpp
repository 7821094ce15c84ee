// Rows of SQL lexemes: which tokens stay inside of a lexeme, and where in tokens it can end. They know the vocabulary
// and nothing of the database, its names or the text so far; sql_name_rows.hpp adds the names.
//
//   from the node of "(" on:   front: white space, words, numbers, and one child for each other byte
//                              number row: "(1" inside, exits behind "(1" where "(1," goes on
#pragma once

#include "lexeme_rows.hpp"
#include "sql_lexemes.hpp"

namespace gcd {

// Bytes that can't follow a lexeme that ends at a node, as they would belong to it.
struct SqlSkip {
    enum Kind : u32 { kNone, kWord, kNumber, kQuote, kOperator };
    Kind kind = kNone;
    u32 which = 0;  // the quote, the operator
    bool skips(const SqlOperators& operators, u8 byte) const {
        switch (kind) {
            case kNone:
                return false;
            case kWord:
                return sql_word_byte(byte);
            case kNumber:
                return sql_word_byte(byte) || byte == '.';
            case kQuote:
                return byte == which;
            case kOperator:
                return operators.longer(which, byte) != NONE;
        }
        return false;
    }
    u32 key() const { return kind << 8 | which; }
};

class SqlTokenRows {
  public:
    SqlTokenRows(const TokenTrie& trie, const SqlOperators& operators)
        : forest(trie), trie_(trie), operators_(operators) {}
    SuffixForest forest;
    const TokenTrie& trie() const { return trie_; }

    // White space from a node on, of any length.
    const SpaceRow& space(u32 node);
    // What can begin at a node.
    struct Front {
        u32 spaces = NONE;                    // the children of white space, merged
        bool words = false, numbers = false;  // numbers: that begin with a digit
        std::vector<std::pair<u8, u32>> others;
        bool none() const { return spaces == NONE && !words && !numbers && others.empty(); }
    };
    const Front& front(u32 node, SqlSkip skip);
    // Names that are invented. `quote`: the closing one; 0: bare. `begins`: nothing was read of the name yet.
    struct Invented {
        TokenPiece inside;
        std::vector<u32> exits;  // nodes of the trie, rising: behind the name, and behind its closing quote
    };
    const Invented& invented(u32 node, u8 quote, bool begins);
    // One node for these exits without some of them; NONE: none is left.
    u32 exits_without(const Invented& row, std::vector<u32> removed);
    struct Numbers {
        TokenPiece inside, integers;  // `integers`: of nothing but digits
        struct Exit {
            SqlNumber number;
            u32 node;
        };
        std::vector<Exit> exits;
    };
    const Numbers& numbers(const SqlNumber& number, u32 node);
    // Strings. `utf8`: what must follow of a character, see sql_utf8.
    struct Strings {
        TokenPiece inside;
        u32 exit = NONE;  // behind the closing quote
    };
    const Strings& strings(u32 node, u32 utf8);
    // Comments.
    struct Comments {
        TokenPiece inside;
        u32 exit = NONE;  // behind them
    };
    const Comments& comments(const SqlComment& comment, u32 node);
    // Tokens that hold two names which could be one: `before` is written of the first, `quoted` if in quotes. Some more
    // may be among them.
    void repeating(const std::string& before, bool quoted, std::vector<u32>& tokens);
    // The most bytes of a token that can be of one name.
    u32 longest_name(u8 quote);
    u64 bytes() const { return bytes_ + forest.size() * 200ull; }

  private:
    void walk_invented(Invented& row, u32 node, u8 quote, bool begins);
    void walk_numbers(Numbers& row, const SqlNumber& number, u32 node);
    void walk_strings(Strings& row, std::vector<u32>& exits, u32 node, u32 utf8);
    void walk_comments(Comments& row, std::vector<u32>& exits, const SqlComment& comment, u32 node);
    void look_for_repeating();
    void pack(TokenPiece& piece);

    const TokenTrie& trie_;
    const SqlOperators& operators_;
    std::vector<u32> scratch_;
    std::unordered_map<u32, std::unique_ptr<SpaceRow>> spaces_;
    std::unordered_map<u64, std::unique_ptr<Front>> fronts_;
    std::unordered_map<u64, std::unique_ptr<Invented>> invented_;
    std::unordered_map<u64, std::unique_ptr<Numbers>> numbers_;
    std::unordered_map<u64, std::unique_ptr<Strings>> strings_;
    std::unordered_map<u64, std::unique_ptr<Comments>> comments_;
    std::map<std::pair<const Invented*, std::vector<u32>>, u32> without_;
    u32 longest_word_ = NONE;
    bool looked_ = false;
    std::vector<u32> repeating_;   // one word begins as another one does, whatever was before
    std::vector<u32> two_quoted_;  // a name in quotes ends, and another one begins
    struct Words {
        u32 token;
        std::string first;  // the rest of the word that the token begins with
        std::string later;
    };
    std::vector<std::vector<Words>> later_;  // by the first byte of a later word
    u64 bytes_ = 0;
};

}  // namespace gcd
