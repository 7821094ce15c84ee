// Summaries: what tokens can do inside a frame, whatever follows the frame.
//
// For a local set and a row (the tokens, from the place where the lexer stands) a summary holds
//   tokens   those that end inside the frame, or inside a call that it makes;
//   returns  where a token goes on after the frame's nonterminal is complete: at which trie nodes, lexed how.
// This is how interprocedural analyses treat recursion: a procedure is summed up once, its callers go on from its
// returns. There are only as many summaries as the grammar has pairs (local set, row), however deep texts nest. What
// follows a frame is looked at once for each of its returns (`beyond`). A mask is then a union of a few token sets.
//
// Example, `e: "(" e ")" | "a"` at "((a" with the tokens `)`, `))`, `a`: the state is the end of e in frame (e, K) with
// K = {e -> "(" e . ")" in a frame (e, K')}. The innermost frame returns at once. In K, `)` ends and `))` has come to
// its second byte when that frame's e is complete, too: a return to K', whose summary is the same as K's.
#pragma once

#include "local_sets.hpp"
#include "rows.hpp"
#include "token_sets.hpp"

namespace gcd {

class Summaries {
  public:
    Summaries(Compiled& compiled, Rows& rows);
    // The set of tokens that may follow a reading, without the end of the text.
    u32 tokens_after(const Reading& r);
    TokenSets& sets() { return sets_; }
    u64 bytes() const { return sets_.bytes() + local_.bytes() + bytes_; }
    u32 n_local_sets() const { return local_.size(); }
    u64 n_summaries() const { return index_.size() + scoped_index_.size(); }
    u64 n_worked_out() const { return worked_out_; }
    // Forgets what texts have left behind (which frames there were), or everything.
    void forget_frames();
    void forget_all();
    void save(Writer& w, Writer& sets);
    void restore(Reader& r, Reader& sets);

  private:
    // A place inside a token, between two lexemes. With indentation some terminals may be due before the next one.
    struct Point {
        u32 nodes, ctx;  // trie nodes; context of the lexer
        u32 scope;       // IndentedSyntax; UNCHANGED in a return that left it as it was
        u32 indents, dedents, cls;
        bool operator==(const Point& o) const {
            return nodes == o.nodes && ctx == o.ctx && scope == o.scope && indents == o.indents &&
                   dedents == o.dedents && cls == o.cls;
        }
    };
    struct Return {
        Point point;
        u32 lexset;  // how the next lexeme is lexed
        u32 forbid;  // restricts the next terminal
    };
    static constexpr u32 UNCHANGED = NONE;
    struct Summary {
        u32 tokens = TokenSets::EMPTY;
        std::vector<u32> returns;
        bool scoped = false;  // another one in another scope
    };
    struct Sum {  // a summary being worked out
        std::vector<u32> sets;
        std::vector<const TokenSet*> groups;
        std::vector<u32> returns;
        bool scoped = false;
    };
    const Summary& summary(u32 set, u32 row, u32 scope);
    const Summary* find(u32 set, u32 row, u32 scope);
    const Summary& keep(u32 set, u32 row, u32 scope, Summary s);
    Summary work_out(u32 set, u32 row, u32 scope);
    void take(u32 set, const RowExit& e, u32 scope, Sum& sum);
    void follow(u32 set, const Point& p, Sum& sum);
    void follow_due(u32 set, Point p, Sum& sum);
    void after_call(u32 set, u32 call, Return r, Sum& sum);
    void add_return(const Return& r, Sum& sum);
    u32 beyond(u32 frame, u32 ret, u32 scope);
    u32 intern(const Return& r);
    // The return seen from where a text of this scope began, and back.
    u32 relative(u32 ret, u32 scope);
    u32 absolute(u32 ret, u32 scope);

    Compiled& c_;
    Rows& rows_;
    LocalSets local_;
    TokenSets sets_;
    std::vector<Return> returns_;
    std::unordered_multimap<u64, u32> return_index_;
    std::unordered_map<u64, Summary> index_;                          // (local set, row); `scoped`: see the next one
    std::map<std::array<u32, 3>, Summary> scoped_index_;              // (local set, row, scope)
    std::unordered_map<u64, u32> beyond_;                             // (frame, return) -> token set
    u32 nested_ = 0;                                                  // summaries being worked out
    u64 bytes_ = 0, worked_out_ = 0;
};

}  // namespace gcd
