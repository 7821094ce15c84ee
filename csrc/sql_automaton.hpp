// The automaton of SQL statements: reads text byte by byte and knows whether it can still become a statement that the
// database prepares.
//
// A parse state is a set of threads between two lexemes: each has a place in the syntax program, a stack of return
// places and a scope (sql_scope.hpp). A state is a parse state and what was read of the lexeme that follows it. All are
// hash-consed, and made when texts need them.
#pragma once

#include <deque>

#include "sql_scope.hpp"

namespace gcd {

// Bytes of bare words: their first, and all of them.
inline bool sql_word_start(u8 b) {
    return (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || b == '_' || b >= 0x80;
}
inline bool sql_word_byte(u8 b) {
    return sql_word_start(b) || (b >= '0' && b <= '9') || b == '$';
}
// A step through UTF-8: 0 between characters, NONE for bytes that are none.
u32 sql_utf8(u32 state, u8 byte);

class SqlAutomaton {
  public:
    enum Kind : u8 {
        kGap,       // between lexemes
        kWord,      // a: text
        kQuoted,    // a: text, b: closing quote, and 256 once one was read that may be the first of two
        kNumber,    // a: its form, b: its value or (hexadecimal) digits
        kString,    // a: bytes of a character that must follow (their first range), b: 1 behind a quote; from bit 8
                    // on, how far it is a date (sql_date.hpp)
        kBlob,      // a: 1 within a byte
        kOperator,  // a: which
    };
    struct State {
        u32 parse = 0;
        u32 a = 0, b = 0;
        Kind kind = kGap;
        u32 next_alike = NONE;  // another state of the same hash
    };
    struct Thread {
        u32 pc, frame, scope, reg;
        bool operator<(const Thread& o) const {
            return std::tie(pc, frame, scope, reg) < std::tie(o.pc, o.frame, o.scope, o.reg);
        }
        bool operator==(const Thread& o) const {
            return pc == o.pc && frame == o.frame && scope == o.scope && reg == o.reg;
        }
    };
    struct Parse {
        std::vector<Thread> threads;  // each in front of a lexeme
        bool accepts = false;
        // -- which lexemes may come; worked out when first asked --
        bool known = false, named = false, fresh = false, names = false,
             values = false;   // values: what a number is matters
        u32 fresh_places = 0;  // bits: where names may be invented
        Bits keywords;
        u64 operators = 0;
        u32 literals = 0;
        std::vector<const SqlNameSet*> sets;    // of names that may be written bare or in quotes
        std::vector<const SqlNameSet*> called;  // of functions: bare only
    };
    // What was read of a name, folded: a node of the tree of such texts.
    struct Text {
        std::string text;
        u32 lo, hi;      // names of the catalogue that begin with it
        u32 klo, khi;    // words that do
        bool plain;      // could be invented
        u32 word, name;  // the word or name of the catalogue that it is; NONE
    };
    static constexpr u32 kDead = 0;
    static constexpr u32 kMaxInvented = 400;  // bytes of a name that isn't the catalogue's

    SqlAutomaton(const SqlProgram& program, u32 max_states);
    u32 start() const { return start_; }
    u32 step(u32 state, u8 byte) {
        const u64 key = static_cast<u64>(state) << 8 | byte;
        const u32 known = steps_.find(key);
        return known != NONE ? known : step_slow(state, byte);
    }
    bool complete(u32 state);
    const State& state(u32 id) const { return states_[id]; }
    const Parse& parse(u32 id) const { return parses_[id]; }
    const Text& text(u32 id) const { return texts_[id]; }
    u32 n_states() const { return states_.size(); }
    u32 n_parses() const { return parses_.size(); }
    SqlScopes& scopes() { return scopes_; }
    const SqlScopes& scopes() const { return scopes_; }
    // The parse state behind the lexeme that is being read, should it end here; kDead if it can't.
    u32 end_lexeme(const State& s);
    u32 gap(u32 parse);

    // -- for the masks --
    // Which lexemes may follow, names left out; with names (which cost more, and are needed where a word begins).
    const Parse& known(u32 parse);
    const Parse& named(u32 parse);
    // `exact`: capitals stay what they are.
    u32 extend(u32 text, u8 byte, bool exact = false);
    bool word_alive(u32 parse, u32 text);
    // Some word that is viable, or can't be invented, begins so.
    bool word_special(u32 parse, u32 text);
    u32 end_word(u32 parse, u32 text);
    // Behind a name that is invented, whatever it is, as long as it is none of the names that matter.
    u32 end_invented(u32 parse);
    u32 word(u32 parse, u32 text) { return intern({parse, text, 0, kWord}); }  // the state within a word
    std::vector<u32> matter(u32 parse);
    // Which threads a name that is written bare moves on, as bits: those of functions, and the others. Names that move
    // the same ones lead to states that differ in nothing but which names may come later. False if that isn't so.
    bool movers(u32 parse, u32 name, u64& others, bool& called);
    // Without quotes, in the one or the other place: as a name that the text brings in; as one of those that may come.
    bool inventable(u32 word, u32 places) const { return word == NONE || (program_.word_flags[word] & places); }
    bool viable_bare(const Parse& p, u32 name) const;

  private:
    struct Frame {
        u32 ret, parent;
        u64 data;
        u32 ops, depth;
    };
    u32 step_slow(u32 state, u8 byte);
    u32 step_new(const State& s, u8 byte);
    u32 begin(u32 parse, u8 byte);
    u32 intern(const State& s);
    u32 intern_frame(const Frame& f);
    u32 push(u32 frame, u32 ret, u32 cost);
    bool act(Thread& t, SqlAction action, u32 arg);
    bool act_typed(Thread& t, SqlAction action, u32 arg);
    // The function calls that a frame's arguments still allow, and their results.
    bool narrow_call(Thread& t, u32 n_args, bool ends, u32 argument);
    // Threads, followed to the lexemes they wait for.
    u32 closure(std::vector<Thread> threads);
    u32 closure_new(std::vector<Thread> threads);
    void follow(std::vector<Thread> threads, Parse& out, bool first);
    bool leads_on(Thread t);
    bool risky(u32 pc);
    bool quoted_alive(u32 parse, u32 text);
    u32 end_quoted(u32 parse, u32 text);
    u32 operator_of(const std::string& text) const;  // NONE: no operator
    bool operator_begins(u32 parse, const std::string& text);
    u32 end_operator(u32 parse, u32 op);
    u32 end_literal(u32 parse, u32 form, u32 value, SqlLiteral literal);
    bool name(Thread& t, SqlCategory category, const std::string& text, bool quoted, bool invented,
              u32 types = kAllClasses);
    // The same for each class that the name may have.
    void names(const Thread& t, SqlCategory category, const std::string& text, bool quoted, bool invented,
               std::vector<Thread>& out);
    const SqlNameSet& name_set(const Thread& t, SqlCategory category);
    u32 max_invented() const { return program_.typed ? 63 : kMaxInvented; }  // PostgreSQL cuts longer names
    u32 pending(u32 ops) const;
    bool number_alive(u32 parse, u32 form, u32 value);
    bool position(const Thread& t, u32 value) const;
    u32 step_date(const State& s, u8 byte);
    // To PostgreSQL's lexer this would be one operator, and there is none.
    static bool glued(const std::string& text, u32 op);

    const SqlProgram& program_;
    u32 max_states_;
    SqlScopes scopes_;
    std::vector<u8> risky_;                          // of an instruction; 2: not looked at yet
    Bits bare_[static_cast<u32>(SqlPlace::kCount)];  // names that may be written there without quotes
    StableVector<State> states_;
    FlatMap state_index_;  // hash -> the first state that has it
    FlatMap steps_;
    std::unordered_map<u64, std::vector<std::pair<std::vector<Thread>, u32>>> closures_;
    std::deque<Parse> parses_;
    std::unordered_multimap<u64, u32> parse_index_;
    std::vector<Frame> frames_;
    std::unordered_multimap<u64, u32> frame_index_;
    std::deque<Text> texts_;
    FlatMap text_index_;
    u32 start_ = kDead;
};

}  // namespace gcd
