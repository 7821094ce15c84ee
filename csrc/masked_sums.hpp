// Sums of exp(score) over the allowed columns of a row, kept in blocks, so that a column can be drawn in proportion and
// one can be taken out again without cancellation.
//
// A row of scores is either normalised (log-probabilities) or raw (logits); of raw ones the sum over *all* columns is
// taken on the way, in the same pass where most columns are allowed. Where few are, they are gathered first: then
// nothing but the mask is read whole.
//
// Results are the same on every x86-64 machine, to the bit: the passes for wider vectors run the same operations in the
// same lanes (a lane of sixteen is a lane of sixteen, whatever it is made of), and nothing is contracted into fused
// multiply-adds.
#pragma once

#include <limits>

#include "common.hpp"

namespace gcd {

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

enum class ScoreFault { none, nan, infinite };  // of a score: not a number, plus infinity

struct MaskedSumsOfBlock {
    double all, allowed;
};

// The scores of one position, one for each column. T is float or double; the sums are doubles in any case, exp is good
// to about 2e-7 for floats.
template <class T>
class MaskedSums {
  public:
    static constexpr u32 kBlock = 1024;   // columns, or gathered columns, that share a partial sum
    static constexpr u32 kGather = 8192;  // up to so many allowed columns are gathered
    // Raw rows are passed through in any case, and the same passes sum the allowed columns: gathering pays only for few.
    static constexpr u32 kGatherRaw = 512;

    // `mask`: ceil(width / 32) words; bits at `width` and above are ignored. `raw`: also the sum over all columns.
    // A fault in a column that isn't allowed may stay unseen unless `raw`.
    ScoreFault compute(const T* scores, const u32* mask, u32 width, bool raw);

    // log sum exp over the allowed columns; -inf if there are none, or all of them are -inf.
    double log_allowed() const { return log_allowed_; }
    // log sum exp over all columns; 0 for a row that isn't raw.
    double log_all() const { return log_all_; }
    // The sum over the allowed columns is total() * exp(reference()).
    double reference() const { return reference_; }
    double total() const { return total_; }

    // The allowed column in which the running sum passes `target`, 0 <= target < total(). Never one of score -inf.
    u32 draw(const T* scores, double target) const;
    // log sum exp over the allowed columns but this one, which must be allowed.
    double log_without(const T* scores, u32 column);

  private:
    u32 n_summed() const;  // columns, or gathered ones
    MaskedSumsOfBlock sum(const T* scores, u32 begin, u32 size, double reference) const;
    MaskedSumsOfBlock sum_block(const T* scores, u32 block, double reference) const;

    std::vector<u32> mask_;     // dense: a copy of the mask, cut at the width
    std::vector<u32> columns_;  // gathered: the allowed columns in order
    std::vector<T> values_;     // and their scores
    std::vector<double> blocks_;
    u32 width_ = 0;
    bool gathered_ = false;
    double reference_ = 0, total_ = 0, log_all_ = 0, log_allowed_ = kMinusInfinity;
};

}  // namespace gcd
