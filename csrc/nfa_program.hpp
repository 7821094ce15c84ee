// The NFA program of all patterns, as gcd/regex/program.py writes it (the format is described there).
#pragma once

#include "common.hpp"

namespace gcd {

enum Op : u32 {
    OP_CLASS,
    OP_SPLIT,
    OP_LOOKAHEAD,
    OP_LOOKBEHIND,
    OP_EOF,
    OP_ACCEPT,
    OP_REPEAT,
    OP_LAZY_REPEAT,
    OP_COUNT,
    OP_LAZY_COUNT
};

inline bool is_repeat(u32 op) {
    return op == OP_REPEAT || op == OP_LAZY_REPEAT;
}
inline bool is_count(u32 op) {
    return op == OP_COUNT || op == OP_LAZY_COUNT;
}

struct NfaProgram {
    std::vector<u32> code, splits, starts, lookaheads, lookbehinds, node_start, range_lo, range_hi, range_to;
    void validate() const;  // throws bad_input: every pc, node and index is in range
    u32 op(u32 pc) const { return code[pc * 5]; }
    u32 arg(u32 pc, u32 k) const { return code[pc * 5 + 1 + k]; }
    u32 n_code() const { return static_cast<u32>(code.size() / 5); }
    // Where a byte leads inside of a character: 0 nowhere, NONE to its end, else to a class node (its id + 1).
    u32 class_step(u32 node, u8 byte) const;
};

}  // namespace gcd
