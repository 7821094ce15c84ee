// Filling the masks of a batch: known ones are copied at once, the others are worked out by native threads.
#pragma once

#include "text_matcher.hpp"

namespace gcd {

struct BatchRow {
    TextMatcher* matcher;
    u32* out;
};

// Every row gets its mask. `threads` counts the calling one. If rows fail, the first one's exception is thrown after
// all have been tried.
void fill_batch(const std::vector<BatchRow>& rows, u32 threads);

}  // namespace gcd
