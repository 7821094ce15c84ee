// A walk of the token trie for one row, and the fragments of walks that rows share.
//
// Several threads build rows at a time. What they share is the table of fragments: a fragment belongs to one thread
// while it is made. Another one that comes by leaves it for the end of its own walk, when it mostly is ready; only then
// does it wait. A fragment is only ever waited for by walks that are higher up in the trie, so nobody waits in a
// circle.
#pragma once

#include <condition_variable>

#include "id_collector.hpp"
#include "rows.hpp"

namespace gcd {

// What one walk finds below a node where a lexer state stands: tokens by what is live where they end, and exits, as
// they are met. Start states differ, but below their first bytes the same states meet the same subtrees over and over.
struct Rows::Fragment {
    // Tokens as words of a bitmask: all words, or those that `index` names.
    struct Packed {
        std::vector<u32> index, words;
    };
    struct Tokens {
        u32 live;                                 // set
        std::vector<u32> ids;                     // in any order
        std::vector<std::pair<u32, u32>> ranges;  // of `order`
        std::vector<const Packed*> packed;        // these lie in fragments that stay
        u64 size() const {
            u64 n = ids.size();
            for (auto [a, b] : ranges) n += b - a;
            for (const Packed* p : packed) n += p->words.size();
            return n;
        }
    };
    struct Exit {
        u32 symbol, ctx, column;
        std::vector<u32> nodes;
        bool is(u32 s, u32 c, u32 col) const { return symbol == s && ctx == c && column == col; }
    };
    std::vector<Tokens> tokens;
    std::vector<Exit> exits;
    std::vector<std::unique_ptr<const Packed>> packed;
    u64 bytes() const;
};

class Rows::Fragments {
  public:
    static constexpr u32 kNodes = 512;  // a subtree is worth keeping from this size on
    explicit Fragments(Rows& rows) : rows_(rows) {}
    // The fragment, made if need be; null if another thread is making it, unless `wait`.
    std::shared_ptr<const Fragment> get(u32 node, u32 state, bool wait, IdCollector& collector);

  private:
    struct Slot {
        std::shared_ptr<const Fragment> fragment;  // null: not made yet
        bool packed = false;                       // it stays as it is
        bool taken = false;                        // some thread is making or packing it
    };
    Rows& rows_;
    std::mutex mutex_;
    std::condition_variable ready_;
    std::unordered_map<u64, Slot> slots_;  // (node, lexer state)
};

// One walk. Takes no lock of the rows.
struct Rows::Builder {
    static constexpr u64 kPackedTokens = 256;  // of one kind in a fragment
    Rows& rows;
    Compiled& c;
    Lexer& lx;
    const TokenTrie& t;
    IdCollector& collector;  // empty between calls
    Fragment out;
    std::vector<std::pair<u32, u32>> others;  // fragments (node, state) that other threads are making
    u64 visited = 0;
    size_t last_tokens = 0, last_exit = 0;  // most likely wanted again

    Builder(Rows& r, IdCollector& scratch) : rows(r), c(r.c_), lx(r.c_.lexer()), t(r.c_.trie()), collector(scratch) {}
    // The lexeme stands in `state` at node n: what lies below either goes on with it or begins after its end here.
    void enter(u32 n, u32 state);
    // The lexeme comes to node k in `state`: its tokens, and what lies below.
    void arrive(u32 k, u32 state);
    // What was left to other threads; ends a walk.
    void settle();
    // What a fragment has many of is packed when it is used again: many never are.
    void pack(const Fragment& from);
    // The row, but for its exits, and the numbers in its groups: each group's tokens lie in `contents`.
    Row finish(std::vector<std::vector<u32>>& contents);

  private:
    Fragment::Tokens& bucket(u32 live);
    std::vector<u32>& exit(u32 symbol, u32 ctx, u32 column);
    void add(const Fragment& f);
    void collect(const Fragment::Tokens& x);
};

}  // namespace gcd
