#include "text_matcher.hpp"

namespace gcd {

std::vector<u32> TextMatcher::forced_tokens(u32 max_bytes) {
    const std::vector<u8> bytes = forced_bytes(max_bytes);
    const TokenTrie& t = token_trie();
    std::vector<u32> out;
    for (size_t i = 0; i < bytes.size();) {
        u32 node = 0, best = NONE;
        size_t end = i, k = i;
        while (k < bytes.size()) {
            const u32 child = t.child(node, bytes[k]);
            if (child == NONE) break;
            node = child;
            ++k;
            if (t.has_token(node)) best = t.order[t.own_begin(node)], end = k;
        }
        if (best == NONE || (k == bytes.size() && t.end[node] > node + 1)) break;  // a longer token might begin here
        out.push_back(best);
        i = end;
    }
    return out;
}

}  // namespace gcd
