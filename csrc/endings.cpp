#include "endings.hpp"

namespace gcd {

Endings::Endings(const TokenTrie& trie) : trie_(trie) {
    for (u32& node : first_) node = NONE;
    for (u32 k = 1; k < trie.end[0]; k = trie.end[k]) first_[trie.byte[k]] = k;
    clear();
}

void Endings::clear() {
    index_.clear();
    nodes_.assign(1, {0, 1, NONE, 0});
}

u32 Endings::prepend(u8 byte, u32 ending) {
    const u64 key = static_cast<u64>(ending) << 8 | byte;
    const u32 known = index_.find(key);
    if (known != NONE) return known;
    Node made{ending, NONE, NONE, byte};
    u32 at = ending;
    for (u32 node = first_[byte]; node != NONE; node = trie_.child(node, nodes_[at].byte), at = nodes_[at].next) {
        const u32 rest = nodes_[at].needed;
        if (rest < made.needed - 1 && trie_.has_token(node)) {
            made.needed = rest + 1;
            made.token = trie_.order[trie_.own_begin(node)];
        }
        if (at == kEmpty) break;
    }
    nodes_.push_back(made);
    const u32 id = static_cast<u32>(nodes_.size() - 1);
    index_.insert(key, id);
    return id;
}

u32 Endings::prepend(const std::string& bytes, u32 ending) {
    for (size_t i = bytes.size(); i-- > 0;) ending = prepend(static_cast<u8>(bytes[i]), ending);
    return ending;
}

std::vector<u32> Endings::tokens(u32 ending) const {
    std::vector<u32> out;
    while (ending != kEmpty && nodes_[ending].token != NONE) {
        const u32 token = nodes_[ending].token;
        out.push_back(token);
        for (u32 i = 0; i < trie_.token_size(token); ++i) ending = nodes_[ending].next;
    }
    return out;
}

std::string Endings::text(u32 ending) const {
    std::string out;
    for (; ending != kEmpty; ending = nodes_[ending].next) out.push_back(static_cast<char>(nodes_[ending].byte));
    return out;
}

}  // namespace gcd
