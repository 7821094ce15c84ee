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
//
// Threads take turns: whoever works here holds the lock, and lets go of it while a row that is missing is built, which
// is most of the work. What two threads then work out at once is kept once.
#pragma once

#include <deque>
#include <mutex>

#include "flat_map.hpp"
#include "local_sets.hpp"
#include "parser.hpp"
#include "rows.hpp"
#include "token_sets.hpp"

namespace gcd {

class Summaries {
  public:
    using Lock = std::unique_lock<std::mutex>;

    Summaries(Parser& parser, Rows& rows);
    // The set of tokens that may follow a reading, without the end of the text. Gives up the lock, which guards all of
    // this, where rows have to be built: nothing may be forgotten before it returns.
    u32 tokens_after(const Reading& r, Lock& lock);
    // Equal for states (of the parser, with indentation) that have the same local sets.
    u64 shape(u32 state);
    TokenSets& sets() { return sets_; }
    u64 bytes() const { return sets_.bytes() + local_.bytes() + bytes_; }
    u32 n_local_sets() const { return local_.size(); }
    u64 n_worked_out() const { return worked_out_; }
    // Forgets what texts have left behind (which frames there were), or everything.
    void forget_frames();
    void forget_all();
    // In an artefact: what is read at once, the tables of summaries (each has a checksum and is looked at when it is
    // first needed), and the contents of token sets (likewise).
    void save(Writer& w, Writer& tables, Writer& contents);
    void restore(Reader& r, Reader& tables, Reader& contents);

  private:
    // A place inside a token, between two lexemes. With indentation some terminals may be due before the next one.
    struct Point {
        u32 nodes, ctx;  // trie nodes; context of the lexer
        u32 indents = 0, dedents = 0, cls = 0;
        bool due() const { return indents || dedents; }
        u64 hash() const { return mix(mix(mix(mix(mix(101, nodes), ctx), indents), dedents), cls); }
        bool operator==(const Point& o) const {
            return nodes == o.nodes && ctx == o.ctx && indents == o.indents && dedents == o.dedents && cls == o.cls;
        }
    };
    // Where a text goes on after a frame. Beside it stands the scope (IndentedSyntax), UNCHANGED in what is kept for
    // every scope.
    struct Return {
        u32 point;
        u32 lexset;  // how the next lexeme is lexed
        u32 forbid;  // restricts the next terminal
        u64 hash() const { return mix(mix(mix(103, point), lexset), forbid); }
        bool operator==(const Return& o) const { return point == o.point && lexset == o.lexset && forbid == o.forbid; }
    };
    static constexpr u32 UNCHANGED = NONE;
    static constexpr u32 kMaxDue = 4096;  // DEDENTs that are due at a point, in an artefact
    struct Exit {
        u32 ret, scope;
        bool operator==(const Exit& o) const { return ret == o.ret && scope == o.scope; }
        bool operator<(const Exit& o) const { return ret != o.ret ? ret < o.ret : scope < o.scope; }
    };
    // What a summary needs to know of its scope: another one is needed in another scope only as far as it says.
    enum Needs : u8 { NOTHING, IF_BRACKETS, SCOPE };
    // Stand for all scopes in which brackets are open, and for all others.
    static constexpr u32 INSIDE = NONE - 2, OUTSIDE = NONE - 3;
    u32 side(u32 scope) const { return parser_.indented() && parser_.indented()->in_parens(scope) ? INSIDE : OUTSIDE; }
    struct Summary {
        u32 tokens = TokenSets::EMPTY;
        std::vector<Exit> exits;
        Needs needs = NOTHING;
    };
    struct Work {  // of one thread
        Lock& lock;
        u32 nested = 0;  // summaries that wait for one another
    };
    struct Sum {  // a summary being worked out
        Work& work;
        std::vector<u32> sets{};
        std::vector<const TokenSet*> groups{};
        std::vector<Exit> exits{};
        Needs needs = NOTHING;
    };
    // Summaries by local set and something else, for as many scopes as have the same one.
    class Table {
      public:
        const Summary* find(u32 set, u32 key, u32 scope, u32 side);
        const Summary& keep(u32 set, u32 key, u32 scope, u32 side, Summary s);
        void clear();
        void save(Writer& w);
        // Those of an artefact are taken out when they are first asked for.
        void restore(Reader& r);
        void take_all_saved();
        struct Bounds {
            u32 sets, returns, scopes;
        } bounds{0, 0, 0};  // of what the artefact's may mention

      private:
        static u32 checksum(u64 key, u32 scope, const Summary& s);
        const Summary* take_saved(u32 set, u32 key, u32 scope, u32 side);
        std::deque<Summary> summaries_;
        FlatMap all_;     // (set, key) -> summary; where there is one for each scope, kScoped and a number
        FlatMap scoped_;  // (that number, scope or side) -> summary
        static constexpr u32 kScoped = 0x80000000u;
        std::vector<u64> scoped_keys_;  // that number -> (set, key)
        struct Saved {
            View<u64> keys;                                     // rising, then by scope
            View<u32> scopes, tokens, exit_start, exits, sums;  // a scope or side plus one; 0: for every scope
        } saved_;
    };
    u32 row_id(u32 nodes, u32 lexer_state, Work& work);
    const Summary& at_row(u32 set, u32 row, u32 scope, Work& work);
    const Summary& at_point(u32 set, u32 point, u32 scope, Work& work);
    void work_out(u32 set, u32 row, u32 scope, Sum& sum);
    void follow(u32 set, u32 point, u32 scope, Sum& sum);
    void follow_due(u32 set, Point p, u32 scope, Sum& sum);
    void take(u32 set, const RowExit& e, u32 scope, Sum& sum);
    void take_step(const LocalStep& step, u32 point, u32 scope, Sum& sum);
    void after_call(u32 set, u32 call, const Exit& e, Sum& sum);
    void add(const Summary& s, u32 scope, Sum& sum);
    Summary finish(Sum& sum, u32 scope);
    u32 known_beyond(u32 frame, const Exit& e) const;
    u32 beyond(u32 frame, const Exit& e, Work& work);
    u32 intern(const Point& p);
    u32 intern(const Return& r);

    Compiled& c_;
    Parser& parser_;
    Rows& rows_;
    LocalSets local_;
    TokenSets sets_;
    std::vector<Point> points_;
    HashIndex point_index_;
    std::vector<Return> returns_;
    HashIndex return_index_;
    Table rows_of_;    // (local set, row)
    Table points_of_;  // (local set, point)
    struct Beyond {
        u32 scope, tokens;
        u32 next;  // of the same frame and return, in another scope
    };
    FlatMap beyond_index_;  // (frame, return) -> the first
    std::vector<Beyond> beyond_;
    size_t n_saved_points_ = 0, n_saved_returns_ = 0;  // from an artefact; they come first
    u64 bytes_ = 0, beyond_bytes_ = 0, worked_out_ = 0;
};

}  // namespace gcd
