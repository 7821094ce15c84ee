// Rows: what the tokens do to a lexer state, found by one walk of the token trie and kept.
//
// For a lexer state and a list of trie nodes to start from (the root; or, for a *sub-row*, the nodes where a lexeme
// ended inside a token) a row holds
//   groups  the tokens that end inside the lexeme, split by which symbols are still live there;
//   exits   (symbol, context, nodes): where a lexeme ends inside a token, to be followed through the parser.
// A mask is then the groups that meet the parser's viable set, and the exits' sub-rows under the parser's next state.
//
// Subtree skip: where all bytes below a trie node only loop on the lexer state (the inside of a string, a name), every
// token below is in the state's own group at once, unseen (`Skip`).
//
// Several threads may build rows at a time (row_builder.hpp); the lock guards the tables, not the walks.
#pragma once

#include <condition_variable>
#include <unordered_set>

#include "compiled.hpp"
#include "token_sets.hpp"

namespace gcd {

struct RowGroup {
    u32 live_set;
    TokenSet tokens;
};
struct RowExit {
    u32 symbol;
    u32 ctx;
    u32 column;  // see LexState::column
    u32 nodes;   // id of a node list
};
struct Row {
    std::vector<RowGroup> groups;
    std::vector<RowExit> exits;
    Bits symbols;  // all that the groups' live sets and the exits hold: a parser state that wants none of it is done
};

class Rows {
  public:
    Rows(Compiled& compiled, u32 max_rows);
    ~Rows();
    // The row of a lexer state from a list of trie nodes, if it is known; NONE.
    u32 find(u32 node_list, u32 lexer_state) const { return index_.find(row_key(node_list, lexer_state)); }
    // The same, worked out if need be (`kRootNodes` is {root}).
    u32 row_id(u32 node_list, u32 lexer_state) {
        const u32 id = find(node_list, lexer_state);
        return id != NONE ? id : row_slow(node_list, lexer_state);
    }
    const Row& row(u32 id) const { return *rows_[id]; }
    static constexpr u32 kRootNodes = 0;
    u32 n_rows() const { return rows_.size(); }
    u64 bytes() const { return bytes_; }
    void save(Writer& w, Writer& lists);
    // Rows saved by `save` are used where they lie, each checked when it is first asked for. So are node lists, with a
    // checksum of their own: loading doesn't read their section.
    void restore(Reader& r, Reader& lists);
    // True if every byte below a node leads from a lexer state to itself, so that all tokens below end in it.
    bool loops_below(u32 node, u32 lexer_state) {
        if (!(c_.trie().kinds[node] & TokenTrie::kBoundary)) return false;
        const Skip& skip = skip_of(lexer_state);
        return skip.usable && loops(node, skip, lexer_state);
    }
    u64 n_visited() const { return visited_; }  // trie nodes met while building rows
    u32 n_node_lists() const { return node_lists_.size(); }

  private:
    static u64 row_key(u32 node_list, u32 lexer_state) { return (static_cast<u64>(node_list) << 32 | lexer_state) + 1; }
    static u64 hash_of(const std::vector<u32>& numbers);
    struct Skip {  // what a lexer state loops on, so that nothing below needs a look
        bool usable = false;
        u64 ascii[2] = {0, 0};
        u16 all = 0, none = 0;  // kinds of bytes (TokenTrie::kinds) wholly among those, and wholly not
        // The state after any whole non-ASCII character, if it is one and the same and inside the character just its
        // lexemes are live; NONE otherwise. The state itself: it loops over such characters, too.
        u32 utf8_target = NONE;
    };
    struct Saved {  // an artefact's rows, as they lie
        View<u32> group_start, exit_start, group_live, exits, items, row_of_key;
        View<u64> group_at, group_size, keys;  // keys rise
        ListsView<u8> lists;                   // node lists, packed
    };
    u32 saved_row(u64 key);
    void unpacked(u32 saved);
    Row unpack(u32 saved) const;
    struct Builder;
    struct Fragment;
    class Fragments;
    u32 row_slow(u32 node_list, u32 lexer_state);
    // Of a start state, what it does on the bytes at hand: equal ones share a row. Empty for any other.
    std::vector<u32> successors(u32 node_list, u32 lexer_state);
    u32 row_of(const std::vector<u32>& successors);
    u32 build(std::unique_lock<std::mutex>& lock, u32 node_list, u32 lexer_state);
    u32 intern_nodes(std::vector<u32> nodes);
    const View<u32>& nodes_of(u32 node_list);
    View<u32> keep(std::vector<u32> v);
    const Skip& skip_of(u32 lexer_state);
    Skip make_skip(u32 lexer_state);
    u32 after_non_ascii(u32 lexer_state);
    bool loops(u32 node, const Skip& skip, u32 lexer_state) const;

    Compiled& c_;
    u32 max_rows_;
    std::atomic<u64> bytes_{0}, visited_{0};
    std::mutex mutex_;  // of the tables below, but for fragments and skips
    std::vector<std::unique_ptr<IdCollector>> idle_collectors_;
    std::unordered_set<u64> being_built_;
    std::condition_variable built_;
    StableVector<std::unique_ptr<Row>> rows_;
    ReadMostlyMap index_;
    std::unordered_map<u64, std::vector<u32>> by_successors_;  // hash -> numbers of
    std::vector<std::pair<std::vector<u32>, u32>> successor_keys_;
    StableVector<View<u32>> node_lists_;                    // one that is empty lies packed in an artefact
    std::vector<std::unique_ptr<std::vector<u32>>> arena_;  // behind the views that do not lie in a section
    std::vector<std::vector<u32>> first_classes_;           // per node list: byte classes of the nodes' children
    std::vector<bool> first_known_;                         // ... once they are known
    const std::vector<u32>& first_classes(u32 node_list);
    std::vector<u64> node_list_hashes_;
    ReadMostlyMap node_list_index_;
    std::mutex skip_mutex_;
    StableVector<std::atomic<const Skip*>> skips_;  // by lexer state; null: not known yet
    std::vector<std::unique_ptr<const Skip>> skip_storage_;
    Saved saved_;
    std::unique_ptr<Fragments> fragments_;
};

}  // namespace gcd
