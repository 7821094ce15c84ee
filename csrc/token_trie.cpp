#include "token_trie.hpp"

#include <algorithm>
#include <numeric>

namespace gcd {

namespace {

// Incremental UTF-8 check: how many continuation bytes are still due, and the range the next one must be in.
struct Utf8 {
    u8 due = 0, lo = 0x80, hi = 0xBF;
    bool bad = false;
    void feed(u8 b) {
        if (bad) return;
        if (due) {
            if (b < lo || b > hi) {
                bad = true;
                return;
            }
            --due;
            lo = 0x80;
            hi = 0xBF;
            return;
        }
        if (b < 0x80) return;
        if (b >= 0xC2 && b <= 0xDF) {
            due = 1;
        } else if (b >= 0xE0 && b <= 0xEF) {
            due = 2;
            if (b == 0xE0) lo = 0xA0;
            if (b == 0xED) hi = 0x9F;
        } else if (b >= 0xF0 && b <= 0xF4) {
            due = 3;
            if (b == 0xF0) lo = 0x90;
            if (b == 0xF4) hi = 0x8F;
        } else {
            bad = true;
        }
    }
};

}  // namespace

TokenTrie::TokenTrie(std::vector<u8> bytes_in, std::vector<u32> offsets_in, u32 width_in) : width(width_in) {
    own_.bytes = std::move(bytes_in);
    own_.offsets = std::move(offsets_in);
    bytes = View<u8>(own_.bytes);
    offsets = View<u32>(own_.offsets);
    std::vector<u8>& byte = own_.byte;
    std::vector<u16>& kinds = own_.kinds;
    std::vector<u32>&end = own_.end, &token_begin = own_.token_begin, &order = own_.order,
    &summary_id = own_.summary_id;
    std::vector<SubtreeSummary>& summaries = own_.summaries;
    if (offsets.size() == 0 || offsets[0] != 0 || offsets[offsets.size() - 1] != bytes.size())
        throw CoreError(ErrorKind::bad_input, 0, "token offsets do not cover the token bytes");
    const u32 n = n_tokens();
    if (n != width || n == 0)
        throw CoreError(ErrorKind::bad_input, n, "there must be an offset for each column and one more");
    for (u32 t = 0; t < n; ++t)
        if (offsets[t] > offsets[t + 1]) throw CoreError(ErrorKind::bad_input, t, "token offsets decrease");
    for (u32 t = 0; t < n; ++t) max_token_bytes = std::max(max_token_bytes, token_size(t));
    if (max_token_bytes > kMaxTokenBytes) throw CoreError(ErrorKind::bad_input, max_token_bytes, "a token is too long");
    order.reserve(n);
    for (u32 t = 0; t < n && t < width; ++t)
        if (token_size(t)) order.push_back(t);
    std::sort(order.begin(), order.end(), [&](u32 a, u32 b) {
        const u32 na = token_size(a), nb = token_size(b), m = std::min(na, nb);
        const int c = std::memcmp(token_data(a), token_data(b), m);
        return c != 0 ? c < 0 : (na != nb ? na < nb : a < b);
    });

    // Preorder falls out of the sorted order: keep the path of the previous token, pop to the common prefix, push.
    byte.push_back(0);
    end.push_back(0);
    token_begin.push_back(0);
    std::vector<u32> path{0};
    for (u32 i = 0; i < order.size(); ++i) {
        const u8* d = token_data(order[i]);
        const u32 len = token_size(order[i]);
        u32 common = 0;
        while (common < len && common + 1 < path.size() && byte[path[common + 1]] == d[common]) ++common;
        while (path.size() > common + 1) {
            end[path.back()] = static_cast<u32>(byte.size());
            path.pop_back();
        }
        for (u32 k = common; k < len; ++k) {
            path.push_back(static_cast<u32>(byte.size()));
            byte.push_back(d[k]);
            end.push_back(0);
            token_begin.push_back(i);
        }
    }
    while (!path.empty()) {
        end[path.back()] = static_cast<u32>(byte.size());
        path.pop_back();
    }
    token_begin.push_back(static_cast<u32>(order.size()));

    // token_begin[i] was set to the first token at or below i, so tokens that end at i are those before its first
    // child's begin: own_end(i) = token_begin[i + 1] holds because the next node in preorder is that child or what
    // follows the subtree.
    const u32 m = static_cast<u32>(byte.size());
    kinds.assign(m, 0);
    summary_id.assign(m, NONE);
    std::vector<Utf8> utf(m);
    std::vector<u32> parent(m, 0);
    kinds[0] = kBoundary;
    {
        std::vector<u32> stack{0};
        for (u32 i = 1; i < m; ++i) {
            while (end[stack.back()] <= i) stack.pop_back();
            parent[i] = stack.back();
            utf[i] = utf[stack.back()];
            utf[i].feed(byte[i]);
            kinds[i] = !utf[i].bad && utf[i].due == 0 ? kBoundary : 0;
            stack.push_back(i);
        }
    }
    for (u32 i = 0; i < m; ++i) {
        if (end[i] - i <= 1) continue;
        summary_id[i] = static_cast<u32>(summaries.size());
        summaries.push_back(SubtreeSummary{});
    }
    // Fold each node into every summarised ancestor from the bottom up (children have higher ids than parents).
    std::vector<SubtreeSummary> below(m, SubtreeSummary{});
    for (u32 i = m; i-- > 1;) {
        SubtreeSummary& p = below[parent[i]];
        const SubtreeSummary& s = below[i];
        p.ascii[0] |= s.ascii[0];
        p.ascii[1] |= s.ascii[1];
        p.non_ascii |= s.non_ascii;
        p.broken_utf8 |= s.broken_utf8;
        if (byte[i] < 0x80)
            p.ascii[byte[i] / 64] |= 1ull << (byte[i] % 64);
        else
            p.non_ascii = 1;
        if (utf[i].bad) p.broken_utf8 = 1;
        u16& k = kinds[parent[i]];
        k |= kinds[i] & static_cast<u16>(~kBoundary);
        k |= byte[i] < 0x80 ? kind_of(byte[i]) : kNonAscii;
        if (utf[i].bad) k |= kBrokenUtf8;
    }
    for (u32 i = 0; i < m; ++i)
        if (summary_id[i] != NONE) summaries[summary_id[i]] = below[i];
    this->byte = View<u8>(byte);
    this->end = View<u32>(end);
    this->token_begin = View<u32>(token_begin);
    this->order = View<u32>(order);
    this->summary_id = View<u32>(summary_id);
    this->summaries = View<SubtreeSummary>(summaries);
    this->kinds = View<u16>(kinds);
    scan_bytes();
}

// What the nodes and the tokens' sizes say; the bytes of the trie are those of the tokens in it.
void TokenTrie::scan_bytes() {
    for (size_t i = 1; i < byte.size(); ++i) used_bytes[byte[i]] = true;
    bool single[256] = {};
    for (u32 c = 1; c < end[0]; c = end[c]) single[byte[c]] = has_token(c);
    byte_complete = true;
    for (int b = 0; b < 256; ++b)
        if (used_bytes[b] && !single[b]) byte_complete = false;
}

void TokenTrie::save(Writer& w) const {
    w.number(width);
    w.array(bytes);
    w.array(offsets);
    w.array(byte);
    w.array(end);
    w.array(token_begin);
    w.array(order);
    w.array(summary_id);
    w.array(summaries);
    w.array(kinds);
}

TokenTrie::TokenTrie(Reader& r) {
    auto check = Reader::check;
    width = r.number32();
    bytes = r.view<u8>();
    offsets = r.view<u32>();
    byte = r.view<u8>();
    end = r.view<u32>();
    token_begin = r.view<u32>();
    order = r.view<u32>();
    summary_id = r.view<u32>();
    summaries = r.view<SubtreeSummary>();
    kinds = r.view<u16>();
    r.done();
    const size_t n = byte.size();
    check(
        width > 0 && offsets.size() == static_cast<u64>(width) + 1 && offsets[0] == 0 && offsets[width] == bytes.size(),
        "bad token table");
    check(n > 0 && n < NONE && end.size() == n && token_begin.size() == n + 1 && summary_id.size() == n &&
              kinds.size() == n,
          "the trie's arrays differ in length");
    check(end[0] == n && token_begin[0] == 0 && token_begin[n] == order.size(), "the trie's root is wrong");
    // A few hundred thousand nodes are checked in a millisecond: verdicts are gathered without branches.
    u32 bad = 0;
    for (size_t t = 0; t < width; ++t) bad |= offsets[t] > offsets[t + 1];
    check(!bad, "token offsets fall");
    for (u32 t : order) bad |= t >= width;
    check(!bad, "a trie token is out of bounds");
    for (u32 t : order) bad |= offsets[t] == offsets[t + 1];
    check(!bad, "a token of the trie has no bytes");
    for (u32 t = 0; t < width; ++t) max_token_bytes = std::max(max_token_bytes, token_size(t));
    check(max_token_bytes <= kMaxTokenBytes, "a token is too long");
    // Subtrees must nest: a child's end lies within its parent's. `around` holds the ends of the inner nodes around
    // one, no more of them than a token has bytes (whoever walks the trie may recurse as deep).
    std::vector<u32> around(static_cast<size_t>(max_token_bytes) + 2);
    around[0] = end[0];
    size_t depth = 0;
    u32 n_inner = 0;
    for (u32 base = 0; base < n; base += 64) {
        u64 inner = 0;
        const u32 most = static_cast<u32>(std::min<size_t>(64, n - base));
        for (u32 j = 0; j < most; ++j) {
            const u32 i = base + j, e = end[i];
            const u32 has_children = e != i + 1;
            bad |= (e <= i) | (e > n) | (token_begin[i] > token_begin[i + 1]);
            bad |= has_children == (summary_id[i] == NONE);
            inner |= static_cast<u64>(has_children) << j;
        }
        for (; inner; inner &= inner - 1) {
            const u32 i = base + static_cast<u32>(__builtin_ctzll(inner));
            bad |= summary_id[i] != n_inner++;
            if (i == 0) continue;
            while (around[depth] <= i) --depth;
            bad |= end[i] > around[depth];
            check(depth + 1 < max_token_bytes, "the trie is deeper than its longest token");
            around[++depth] = end[i];
        }
    }
    check(!bad && n_inner == summaries.size(), "a trie node is out of bounds");
    scan_bytes();
}

// Cut where the loops of real lexer states are: letters and digits of names, blanks, the quotes and backslashes of
// strings, line ends.
u16 TokenTrie::kind_of(u8 b) {
    const u32 kind = b >= 'a' && b <= 'z'                  ? 0
                     : b >= 'A' && b <= 'Z'                ? 1
                     : b >= '0' && b <= '9'                ? 2
                     : b == '_'                            ? 3
                     : b == ' ' || b == '\t'               ? 4
                     : b == '\n'                           ? 5
                     : b == '\r' || b == '\f' || b == '\v' ? 6
                     : b == '"'                            ? 7
                     : b == '\''                           ? 8
                     : b == '\\'                           ? 9
                     : b == '$'                            ? 10
                     : b < 0x20 || b == 0x7F               ? 11
                                                           : 12;
    return static_cast<u16>(1 << kind);
}

u32 TokenTrie::child(u32 node, u8 b) const {
    for (u32 c = node + 1; c < end[node]; c = end[c])
        if (byte[c] == b) return c;
    return NONE;
}

}  // namespace gcd
