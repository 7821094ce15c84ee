#include "nfa_program.hpp"

#include <algorithm>

namespace gcd {

void NfaProgram::validate() const {
    const u32 n = n_code();
    const u32 nodes = node_start.empty() ? 0 : static_cast<u32>(node_start.size() - 1);
    auto bad = [](u64 v, const char* what) { throw CoreError(ErrorKind::bad_input, v, what); };
    if (code.size() % 5) bad(code.size(), "NFA code is not a multiple of five");
    if (range_lo.size() != range_hi.size() || range_lo.size() != range_to.size()) bad(0, "class range arrays differ");
    if (!node_start.empty() && node_start.back() != range_lo.size()) bad(0, "class nodes do not cover their ranges");
    for (u32 i = 0; i < nodes; ++i)
        if (node_start[i] > node_start[i + 1]) bad(i, "class node starts decrease");
    for (size_t i = 0; i < range_lo.size(); ++i)
        if (range_lo[i] > range_hi[i] || range_hi[i] > 255 || (range_to[i] != NONE && range_to[i] >= nodes))
            bad(i, "class range out of bounds");
    // A character has at most four bytes: class nodes are at most four deep (so there are no cycles either).
    std::vector<u8> height(nodes, 1);
    for (int round = 0; round < 5; ++round)
        for (u32 i = 0; i < nodes; ++i)
            for (u32 k = node_start[i]; k < node_start[i + 1]; ++k)
                if (range_to[k] != NONE) height[i] = std::max<u8>(height[i], static_cast<u8>(height[range_to[k]] + 1));
    for (u32 i = 0; i < nodes; ++i)
        if (height[i] > 4) bad(i, "a character class is more than four bytes deep");
    for (u32 pc = 0; pc < n; ++pc) {
        const u32 a = arg(pc, 0), b = arg(pc, 1);
        switch (op(pc)) {
            case OP_REPEAT:
            case OP_LAZY_REPEAT:
                if (arg(pc, 2) > arg(pc, 3)) bad(pc, "a count's bounds are the wrong way round");
                [[fallthrough]];
            case OP_CLASS:
                if (a >= nodes || b >= n) bad(pc, "class instruction out of bounds");
                break;
            case OP_COUNT:
            case OP_LAZY_COUNT:
                if (arg(pc, 2) > arg(pc, 3)) bad(pc, "a count's bounds are the wrong way round");
                if (a >= n || b >= n) bad(pc, "count out of bounds");
                break;
            case OP_SPLIT:
                if (a > splits.size() || b > splits.size() - a) bad(pc, "split out of bounds");
                break;
            case OP_LOOKAHEAD:
                if (a >= lookaheads.size() || b >= n) bad(pc, "lookahead out of bounds");
                break;
            case OP_LOOKBEHIND:
                if (a >= lookbehinds.size() || b >= n) bad(pc, "lookbehind out of bounds");
                break;
            case OP_EOF:
                if (b >= n) bad(pc, "jump out of bounds");
                break;
            case OP_ACCEPT:
                break;
            default:
                bad(pc, "unknown opcode");
        }
    }
    for (u32 t : splits)
        if (t >= n) bad(t, "split target out of bounds");
    for (u32 t : starts)
        if (t != NONE && t >= n) bad(t, "start out of bounds");
    for (u32 t : lookaheads)
        if (t >= n) bad(t, "lookahead out of bounds");
    for (u32 t : lookbehinds)
        if (t >= n) bad(t, "lookbehind out of bounds");
    if (lookbehinds.size() > 64) bad(lookbehinds.size(), "more than 64 different lookbehinds");
}

u32 NfaProgram::class_step(u32 node, u8 b) const {
    u32 lo = node_start[node], hi = node_start[node + 1];
    while (lo < hi) {
        const u32 mid = (lo + hi) / 2;
        if (b < range_lo[mid])
            hi = mid;
        else if (b > range_hi[mid])
            lo = mid + 1;
        else
            return range_to[mid] == NONE ? NONE : range_to[mid] + 1;  // NONE: character complete
    }
    return 0;  // dead (a stored node is never 0)
}

}  // namespace gcd
