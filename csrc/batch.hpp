// Filling the masks of a batch: known ones are copied at once, the others are worked out by native threads.
#pragma once

#include "text_matcher.hpp"

namespace gcd {

struct BatchRow {
    TextMatcher* matcher;
    u32* out;
    const void* tables;  // the compiled grammar's
};

// Every row gets its mask. `threads` counts the calling one. Rows that stand at the same place are left to one thread,
// and so are those of a compiled grammar that lets in one at a time (`TextMatcher::fills_beside_others`): a second one
// would wait for its lock, and costs more to wake than it brings. If rows fail, the first one's exception is thrown
// after all have been tried.
void fill_batch(const std::vector<BatchRow>& rows, u32 threads);

}  // namespace gcd
