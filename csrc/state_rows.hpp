// State rows: the tokens by the lexer state that they end in.
//
// A row (rows.hpp) tells tokens apart by which lexemes can still be finished where they end. How much is still to come
// depends on the state itself: 2 of 4 digits leave less than 1. So here they are kept by state, for whoever asks how a
// text can be completed; few texts are, and only under a token budget, so nothing of this goes into artefacts.
#pragma once

#include "rows.hpp"

namespace gcd {

struct StateRow {
    struct Group {
        u32 state;
        std::vector<u32> ids, words;  // one of them: tokens, or all of them as a bitmask
    };
    struct Exit {  // where a lexeme ends inside tokens, as in RowExit
        u32 symbol, ctx, column, nodes;
    };
    std::vector<Group> groups;
    std::vector<Exit> exits;
};

class StateRows {
  public:
    StateRows(Compiled& compiled, Rows& rows) : c_(compiled), rows_(rows) { intern({0}); }
    static constexpr u32 kRoot = 0;  // the list of nodes with which whole tokens begin
    const StateRow& row(u32 nodes, u32 state);
    u64 bytes() const { return bytes_; }
    void clear();

  private:
    struct Builder;
    u32 intern(std::vector<u32> nodes);

    Compiled& c_;
    Rows& rows_;
    std::unordered_map<u64, std::unique_ptr<StateRow>> kept_;
    std::vector<const std::vector<u32>*> lists_;
    std::map<std::vector<u32>, u32> list_index_;
    u64 bytes_ = 0;
};

}  // namespace gcd
