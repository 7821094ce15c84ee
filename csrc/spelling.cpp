#include "spelling.hpp"

#include <algorithm>
#include <map>

namespace gcd {

namespace {

// What may follow inside of a token: the rest of the essential tokens with some beginning.
struct Rest {
    struct Move {
        u8 byte;
        bool ends;  // a token, with this byte
        u32 to;     // the rest after it; NONE: nothing
        bool operator<(const Move& o) const {
            return byte != o.byte ? byte < o.byte : ends != o.ends ? ends < o.ends : to < o.to;
        }
    };
    std::vector<Move> moves;  // rising
};

class Rests {
  public:
    explicit Rests(const TokenTrie& trie) : t_(trie), root(of_node(0)) {}

  private:
    // Whether the token of `path_` falls into several.
    bool falls_apart() {
        const size_t n = path_.size();
        reached_.assign(n + 1, false);
        reached_[0] = true;
        for (size_t i = 0; i < n; ++i) {
            if (!reached_[i]) continue;
            u32 node = 0;
            for (size_t k = i; k < n && (node = t_.child(node, path_[k])) != NONE; ++k)
                if (t_.has_token(node) && k + 1 - i < n) reached_[k + 1] = true;
        }
        return reached_[n];
    }
    u32 of_node(u32 node) {
        std::vector<Rest::Move> moves;
        for (u32 c = node + 1; c < t_.end[node]; c = t_.end[c]) {
            path_.push_back(t_.byte[c]);
            const bool ends = t_.has_token(c) && !falls_apart();
            const u32 to = t_.end[c] > c + 1 ? of_node(c) : NONE;
            path_.pop_back();
            if (ends || to != NONE) moves.push_back({t_.byte[c], ends, to});
        }
        if (moves.empty() && node != 0) return NONE;
        std::sort(moves.begin(), moves.end());
        const auto [it, fresh] = index_.try_emplace(moves, static_cast<u32>(all.size()));
        if (fresh) all.push_back({std::move(moves)});
        return it->second;
    }

    const TokenTrie& t_;
    std::vector<u8> path_;
    std::vector<bool> reached_;
    std::map<std::vector<Rest::Move>, u32> index_;

  public:
    std::vector<Rest> all;
    const u32 root;  // all essential tokens
};

}  // namespace

Spelling::Spelling(const TokenTrie& trie, u32 max_places) {
    places_.emplace_back();
    places_[TOKEN_END].ends = true;
    if (trie.byte_complete) return;
    // A place as the rests that it may stand in front of, all essential tokens among them where one can end.
    const Rests rests(trie);
    std::map<std::vector<u32>, u32> index{{{rests.root}, TOKEN_END}};
    std::vector<const std::vector<u32>*> members{&index.begin()->first};
    for (u32 place = 0; place < places_.size(); ++place) {
        std::map<u8, std::vector<u32>> next;
        for (u32 rest : *members[place])
            for (const Rest::Move& m : rests.all[rest].moves) {
                std::vector<u32>& to = next[m.byte];
                if (m.ends) to.push_back(rests.root);
                if (m.to != NONE) to.push_back(m.to);
            }
        for (auto& [byte, to] : next) {
            std::sort(to.begin(), to.end());
            to.erase(std::unique(to.begin(), to.end()), to.end());
            const bool ends = std::binary_search(to.begin(), to.end(), rests.root);
            const auto [it, fresh] = index.try_emplace(std::move(to), size());
            if (fresh) {
                if (size() >= max_places)
                    throw CoreError(ErrorKind::limit_states, size(), "too many places inside of tokens");
                members.push_back(&it->first);
                places_.push_back({{}, ends});
            }
            places_[place].moves.push_back({byte, it->second});
        }
    }
    node_places_.assign(trie.n_nodes(), TOKEN_END);
    for (u32 n = 0; n < trie.n_nodes(); ++n)
        for (u32 c = n + 1; c < trie.end[n]; c = trie.end[c]) {
            const std::vector<Move>& moves = places_[node_places_[n]].moves;
            const auto m = std::lower_bound(moves.begin(), moves.end(), trie.byte[c],
                                            [](const Move& a, u8 b) { return a.byte < b; });
            node_places_[c] = m->to;  // tokens fall into essential ones: it is there
        }
}

}  // namespace gcd
