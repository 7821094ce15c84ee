// Where the syntax of SQL statements stands between two lexemes: parse states.
//
// A parse state is a set of threads: each has a place in the syntax program, a stack of return places and a scope
// (sql_scope.hpp). All are hash-consed, and made when texts need them. `name` at the beginning of an expression is a
// column, a qualifier and a function at once: three threads, of which the next lexeme leaves one.
#pragma once

#include <deque>

#include "sql_scope.hpp"
#include "sql_texts.hpp"

namespace gcd {

class SqlSyntax {
  public:
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
        bool known = false, named = false;
        bool names = false;   // some name
        bool values = false;  // what a number is matters
        Bits keywords;
        u64 operators = 0;
        u32 literals = 0;
        bool fresh = false;                     // a name may be invented,
        u32 fresh_places = 0;                   // bits: where
        std::vector<const SqlNameSet*> sets;    // of names that may be written bare or in quotes
        std::vector<const SqlNameSet*> called;  // of functions: bare only
        bool has(SqlLiteral literal) const { return literals >> static_cast<u32>(literal) & 1; }
    };
    static constexpr u32 kDead = 0;

    SqlSyntax(const SqlProgram& program, u32 max_states);
    u32 start() const { return start_; }
    const Parse& parse(u32 id) const { return parses_[id]; }
    u32 n_parses() const { return static_cast<u32>(parses_.size()); }
    SqlScopes& scopes() { return scopes_; }
    const SqlScopes& scopes() const { return scopes_; }
    SqlTexts& texts() { return texts_; }
    const SqlText& text(u32 id) const { return texts_[id]; }
    // Which lexemes may follow, names left out; with names (which cost more, and are needed where a word begins).
    const Parse& known(u32 parse);
    const Parse& named(u32 parse);

    // The parse state behind a lexeme; kDead if it can't stand here.
    u32 end_word(u32 parse, u32 text);
    u32 end_quoted(u32 parse, u32 text);
    u32 end_operator(u32 parse, u32 op);
    u32 end_number(u32 parse, const SqlNumber& number);
    u32 end_literal(u32 parse, SqlLiteral literal);
    u32 end_string(u32 parse, bool date);  // `date`: it is one
    // Behind a name that is invented, whatever it is, as long as it is none of the names that matter.
    u32 end_invented(u32 parse);
    void matter(u32 parse, std::vector<u32>& names);

    // Whether what was read of a lexeme can become one.
    bool word_alive(u32 parse, u32 text);
    bool quoted_alive(u32 parse, u32 text, u8 closing);
    bool number_alive(u32 parse, const SqlNumber& number);

    // Which threads a name moves on, as bits: those of functions, and the others. Names that move
    // the same ones lead to parse states that differ in nothing but which names may come later. False if that isn't so.
    bool movers(u32 parse, u32 name, bool quoted, u64& others, bool& called);
    // Names of the catalogue that may be written somewhere without quotes.
    const Bits& bare(SqlPlace place) const { return bare_[static_cast<u32>(place)]; }
    // Those that may be written in brackets: these can't hold a closing one.
    const Bits& bracketed() const { return bracketed_; }
    // A word, without quotes, as a name that the text brings in, at one of some places (bits).
    bool inventable(u32 word, u32 places) const { return word == NONE || (program_.word_flags[word] & places); }
    bool viable_bare(const Parse& p, u32 name) const;
    // The names that a thread waits for.
    const SqlNameSet& name_set(const Thread& t, SqlCategory category);

    struct Frame {
        u32 ret, parent;  // the place behind the rule that is being read, and the frame of that one
        u64 data;         // of a function that is called: its name, kind, number of arguments; of rows: their widths;
                          // of an expression with types: a SqlExpectation
        u32 ops, depth;   // operators that wait for their right side; what is on the parser's stack
    };
    const Frame& frame(u32 id) const { return frames_[id]; }

  private:
    u32 intern_frame(const Frame& f);
    u32 push(u32 frame, u32 ret, u32 cost);
    // -- actions (sql_actions.cpp) --
    bool act(Thread& t, SqlAction action, u32 arg);
    bool name(Thread& t, SqlCategory category, const std::string& text, bool quoted, bool invented,
              u32 types = kAllClasses);
    // -- of dialects with types (sql_typing.cpp) --
    bool act_typed(Thread& t, SqlAction action, u32 arg);
    // The signatures that a call's arguments still allow. `ends`: there are no more of them.
    bool narrow_call(Thread& t, u32 n_args, bool ends, u32 argument);
    // The threads behind a name, one for each class that it may have.
    void names(const Thread& t, SqlCategory category, const std::string& text, bool quoted, bool invented,
               std::vector<Thread>& out);
    bool number(Thread& t, SqlLiteral wanted, const SqlNumber& number);
    // Behind a comparison of rows: the tightest operator that it can be the left side of; `kTightest`: there was none.
    u32 row_compared(u32 frame) const;
    static constexpr u32 kTightest = 11;
    // Whether a row of VALUES, or RETURNING, may get one more column.
    bool room_for_columns(const SqlScope& core) const;
    u32 pending(u32 ops) const;
    bool position(const Thread& t, u32 value) const;
    // Whether what follows a lexeme may fail: its thread is looked at before the lexeme is let in.
    bool risky(u32 pc);
    // -- closures --
    // Threads, followed to the lexemes they wait for.
    u32 closure(std::vector<Thread> threads);
    u32 closure_new(std::vector<Thread> threads);
    void follow(std::vector<Thread> threads, Parse& out, bool first);
    bool leads_on(Thread t);
    // The parse state behind those threads for which `moves` says so, having changed them.
    template <class F>
    u32 behind(u32 parse, F&& moves);
    // The same for threads that wait for a name: `moves` adds those behind it.
    template <class F>
    u32 behind_names(u32 parse, F&& moves);

    const SqlProgram& program_;
    u32 max_states_;
    SqlScopes scopes_;
    SqlTexts texts_;
    std::vector<u8> risky_;  // of an instruction; 2: not looked at yet
    Bits bare_[static_cast<u32>(SqlPlace::kCount)], bracketed_;
    std::unordered_map<u64, std::vector<std::pair<std::vector<Thread>, u32>>> closures_;
    std::deque<Parse> parses_;
    std::unordered_multimap<u64, u32> parse_index_;
    std::vector<Frame> frames_;
    std::unordered_multimap<u64, u32> frame_index_;
    u32 start_ = kDead;
};

}  // namespace gcd
