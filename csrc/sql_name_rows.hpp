// Rows of the names of a database, and of its reserved words: which tokens are as they begin or go on, and where they
// end inside of tokens. Which of the names may come is told apart from that: as a set of names, of which equal ones
// have one id. So what the tokens of a set are is found once, wherever it may come, and by one look at each token:
// names with a common beginning are a range, and a set counts its members below each name.
#pragma once

#include <array>

#include "sql_texts.hpp"
#include "sql_token_rows.hpp"

namespace gcd {

class SqlNameRows {
  public:
    SqlNameRows(const SqlProgram& program, SqlTokenRows& tokens) : program_(program), tokens_(tokens) {}

    // Sets of names or words.
    u32 set(Bits members);
    bool has(u32 set, u32 member) const { return bits_get(sets_[set].members, member); }

    struct Row {
        u32 id;
        struct Inside {
            u32 token;
            u32 lo, hi, klo, khi;  // names and words that begin with what was read
        };
        struct Exit {
            u32 name, word;  // NONE: it is none
            u32 node;        // behind the name, or behind its closing quote
        };
        std::vector<Inside> inside;
        std::vector<Exit> exits;
    };
    // Names that go on with a text, from a node on. `quote`: the closing one; 0: bare (words, too).
    const Row& row(const SqlText& text, u32 node, u8 quote);
    // The tokens of a row that are as some member of these sets.
    const TokenPiece& tokens(const Row& row, u32 names, u32 words);
    // Names that only the text has: tokens, and nodes where it ends.
    void walk_one(const std::string& name, size_t depth, u32 node, u8 quote, std::vector<u32>& inside,
                  std::vector<u32>& exits);
    u64 bytes() const { return bytes_; }

  private:
    struct Range {
        u32 lo, hi, klo, khi;
        bool none() const { return lo == hi && klo == khi; }
    };
    struct Members {
        Bits members;
        std::vector<u32> below;  // how many are below 64 * i
        bool any(u32 lo, u32 hi) const { return lo < hi && count(hi) > count(lo); }
        u32 count(u32 n) const;
    };
    void walk(Row& row, const Range& range, u32 depth, u32 node, u8 quote);
    Range narrow(const Range& range, u32 depth, u8 byte) const;
    using Key = std::array<u32, 6>;
    struct KeyHash {
        size_t operator()(const Key& k) const {
            u64 h = 5;
            for (u32 x : k) h = mix(h, x);
            return h;
        }
    };

    const SqlProgram& program_;
    SqlTokenRows& tokens_;
    std::unordered_map<Key, std::unique_ptr<Row>, KeyHash> rows_;
    std::deque<Members> sets_;
    std::unordered_multimap<u64, u32> set_index_;
    std::unordered_map<Key, std::unique_ptr<TokenPiece>, KeyHash> pieces_;
    Row empty_{NONE, {}, {}};
    u64 bytes_ = 0;
};

}  // namespace gcd
