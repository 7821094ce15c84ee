// What the parts of the lexer that make a new state hand each other.
#pragma once

#include <map>

#include "lexer.hpp"

namespace gcd {

// Thread lists right after a byte (or at a lexeme's start), before empty moves.
struct Lexer::Raw {
    std::vector<Threads> groups;
    Threads obs;
    Threads neg;
    std::vector<Threads> pos;
    Threads back;
    std::vector<std::pair<u32, Threads>> guards;  // those of `groups`, and where their threads went
    u64 back_true = 0;
    bool back_closed = false;      // `back` and `back_true` are final (no byte was read since)
    bool promises_closed = false;  // same for neg and pos
    bool start = false;
    u32 unless = NONE;
    u32 column = NONE;
};

// What is guessed about one position: lookaheads, and guards (1: none of these threads will ever accept).
struct Lexer::Guesses {
    Guess lookaheads;
    std::vector<std::pair<Threads, bool>> guards;
};

// A list of `main` at a position: the guards that its threads are given there, and where the best of them end.
struct Lexer::Choice {
    // More guards in one list, and its lookaheads are guessed as they come.
    static constexpr size_t kMaxGuards = 8;
    struct Body {
        Threads threads;
        bool matches;  // without a character
    };
    struct End {
        u32 guard;
        size_t at;  // behind so many threads
    };
    const Context& ctx;
    std::map<u32, Body> bodies;                // lookahead -> its threads here
    std::map<std::pair<u32, u32>, u32> given;  // guard before, lookahead -> guard
    u32 wanted = NONE;                         // a lookahead whose body isn't among them
    std::vector<End> ends;

    explicit Choice(const Context& c) : ctx(c) {}
};

}  // namespace gcd
