// The schema automaton: reads JSON text byte by byte and knows whether it can still become a valid document.
//
// A state is a set of threads at one place of the text. What the text looks like is the same for all of them (in a
// string, behind a value, ...: the phase); what they ask for differs, since `anyOf` and its like leave choices open. A
// thread's containers are frames, each with the set of frames that it may stand in, so threads that differ further out
// are one further in. All are hash-consed: equal states have the same number.
//
//   {"a": [1, ...   frames:  root <- object (shape of `{}`, "a" seen) <- array (shape, next index 1)
#pragma once

#include <algorithm>
#include <tuple>

#include "flat_map.hpp"
#include "json_string.hpp"
#include "schema_shapes.hpp"

namespace gcd {

// Sets of texts, sorted, so that those with a common beginning are a range.
class TextSets {
  public:
    TextSets() { sets_.push_back({}); }
    static constexpr u32 kEmpty = 0;
    u32 add(u32 set, const CodePoints& text);
    u32 size(u32 set) const { return static_cast<u32>(sets_[set].size()); }
    const CodePoints& text(u32 set, u32 i) const { return *sets_[set][i]; }
    u32 count() const { return static_cast<u32>(sets_.size()); }

  private:
    std::vector<std::vector<const CodePoints*>> sets_;
    std::map<CodePoints, u32> texts_;  // their addresses are stable
    std::map<std::vector<const CodePoints*>, u32> index_;
};

class SchemaAutomaton {
  public:
    enum Phase : u8 {
        kValue,   // a value must begin
        kString,  // within one
        kNumber,
        kLiteral,
        kAfter,        // behind a value
        kObjectFirst,  // behind {
        kKey,          // behind the comma in an object
        kInKey,
        kColon,       // behind a key
        kArrayFirst,  // behind [
        kClose,       // only the bracket can follow (indented output)
    };
    struct Item {
        u32 a = 0;           // kValue, kColon: formula; kString: state of an expression; kNumber: state; others: frame
        u32 b = 0;           // kValue .. kLiteral, kColon: set of frames; kInKey: vector of states or NONE
        u32 lo = 0, hi = 0;  // kInKey: names that begin with the key so far; kString: lo: set of excluded texts
        u32 xlo = 0, xhi = 0;  // texts of the frame's (the excluded) set that begin with what was read
        bool operator==(const Item& o) const {
            return a == o.a && b == o.b && lo == o.lo && hi == o.hi && xlo == o.xlo && xhi == o.xhi;
        }
        bool operator<(const Item& o) const {
            return std::tie(a, b, lo, hi, xlo, xhi) < std::tie(o.a, o.b, o.lo, o.hi, o.xlo, o.xhi);
        }
    };
    struct State {
        u8 phase = kValue;
        u8 literal = 0;  // kLiteral: which (0 null, 1 true, 2 false) and how much of it was read
        u8 literal_at = 0;
        // Fixed separators: 1 behind a comma, 2 behind a bracket, 3 within the key separator, 4 before a closing
        // bracket.
        u8 gap_kind = 0;
        u32 gap = 0;         // any white space: bytes that may still come; fixed: bytes read
        u32 depth = 0;       // kInKey, kString: characters read, where some text is compared
        u32 text = 0;        // the key so far, where it may be an unknown one
        u32 raw = NONE;      // the text since the outermost array of unique items began; kLost: a mask left it out
        bool doubt = false;  // then: whether an item is there already can't be told; tokens are asked one by one
        StringDecoder decoder;
        std::vector<Item> items;
        u32 next_alike = NONE;  // another state of the same hash
    };
    struct Frame {
        u8 kind = 0;          // 0 root, 1 object, 2 array
        bool unique = false;  // an array of unique items, or within one
        u32 shape = 0, progress = 0;
        u32 texts = 0;    // unknown keys seen; strings seen in an array of unique items
        u32 values = 0;   // other values seen there
        u32 mark = 0;     // where the item began
        u32 parents = 0;  // set of frames
        u32 depth = 0;
        u32 next_alike = NONE;  // another frame of the same hash
    };
    // Frames by the formula of the value that begins in them.
    class Entries {
      public:
        void add(u32 formula, u32 frame) {
            auto at = std::lower_bound(all_.begin(), all_.end(), formula,
                                       [](const auto& entry, u32 f) { return entry.first < f; });
            if (at == all_.end() || at->first != formula) at = all_.insert(at, {formula, {}});
            at->second.push_back(frame);
        }
        auto begin() { return all_.begin(); }
        auto end() { return all_.end(); }

      private:
        std::vector<std::pair<u32, std::vector<u32>>> all_;  // rising
    };
    static constexpr const char* kLiterals[3] = {"null", "true", "false"};
    static constexpr SchemaType kLiteralTypes[3] = {kNullType, kTrueType, kFalseType};
    static constexpr u32 kDead = 0;
    static constexpr u32 kLost = NONE - 1;

    SchemaAutomaton(SchemaProgram& program, Formulas& formulas, Shapes& shapes, Derivatives& store,
                    NumberLanguage& numbers, u32 max_size);
    u32 start() const { return start_; }
    u32 step(u32 state, u8 byte) {
        const u64 key = static_cast<u64>(state) << 8 | byte;
        const u32 known = steps_.find(key);
        return known != NONE ? known : step_slow(state, byte);
    }
    // NONE: not known yet.
    u32 known_step(u32 state, u8 byte) const { return steps_.find(static_cast<u64>(state) << 8 | byte); }
    bool complete(u32 state) const;
    const State& state(u32 id) const { return states_[id]; }
    const Frame& frame(u32 id) const { return frames_[id]; }
    const std::vector<u32>& frames_of(u32 set) const { return sets_[set]; }
    u32 n_states() const { return static_cast<u32>(states_.size()); }
    u32 n_frames() const { return static_cast<u32>(frames_.size()); }

    // -- for the masks --
    // The state behind the lexeme of one item, which ends here.
    u32 after_value(const State& s, const Item& item);
    // Behind a key: a known name, or an unknown one that matches some patterns (its text unknown: NONE).
    u32 after_name(const State& s, const Item& item, u32 name);
    u32 after_unknown(const State& s, const Item& item, u64 matched);
    // Bytes that may come next, where no lexeme has begun or a literal has, white space apart if any may stand; at
    // most kMaxNextBytes, and some may be refused.
    static constexpr u32 kMaxNextBytes = 24;
    u32 next_bytes(const State& s, u8* out);
    // First bytes of the characters with which a name or a text of an item goes on, as bits.
    void lead_bytes(Phase phase, const Item& item, u32 depth, u64 bytes[4]) const;
    static void add_lead(u32 c, u64 bytes[4]) {
        const u32 lead = c < 0x80 ? c : c < 0x800 ? 0xC0 | c >> 6 : c < 0x10000 ? 0xE0 | c >> 12 : 0xF0 | c >> 18;
        bytes[lead / 64] |= 1ull << (lead % 64);
    }
    const ObjectShape& shape_of(const Item& item) const { return shapes_.object(frames_[item.a].shape); }
    const KeyOptions& options_of(const Item& item) {
        return shapes_.key_options(frames_[item.a].shape, frames_[item.a].progress);
    }
    const TextSets& texts() const { return texts_; }
    u32 text_set(const State& s, const Item& item) const { return s.phase == kInKey ? frames_[item.a].texts : item.lo; }
    // The item one character further; false if nothing can come of it.
    bool read_character(Phase phase, Item& item, u32 depth, u32 c);
    bool goes_on(Phase phase, const Item& item, u32 depth, u32 lo, u32 hi) const;
    // Something can come of an item that stands at a character's edge, or within one that `decoder` has begun.
    bool item_alive(Phase phase, const Item& item, u32 depth, const StringDecoder& decoder);

  private:
    u32 step_slow(u32 state, u8 byte);
    u32 intern(State s);
    u32 intern_frame(const Frame& f);
    u32 frame_set(std::vector<u32> frames);
    u32 push_text(u32 list, u32 c);
    CodePoints text_of(u32 list, u32 from = 0) const;
    bool any_space(u8 b) const { return b == ' ' || b == '\n' || b == '\t' || b == '\r'; }
    std::string gap_text(const State& s) const;
    u32 depth_of(const State& s) const;

    void begin_value(const State& s, u8 byte, u32 raw, State& out);
    void begin_key(const State& s, State& out);
    void finish_value(const std::vector<u32>& sets, u32 raw, State& out);
    void enter_item(u32 frame, u32 raw, Entries& by_formula);
    void enter_member(u32 frame, const std::vector<Entry>& entries, const CodePoints* unknown, Entries& by_formula);
    u32 behind_key(const State& s, const Item& item, const std::vector<Entry>& entries);
    u32 after_value_slow(const State& s, const Item& item);
    // The states behind keys and values where nothing needs comparing: frame, name or patterns -> state; frames ->
    // state.
    FlatMap behind_keys_, behind_values_;
    static constexpr u32 kPatterns = 1u << 31;  // not a name, but patterns as bits
    void put(Entries& by_formula, State& out);
    void close(const State& s, u8 byte, u32 raw, State& out);
    bool possible(u32 formula, u32 texts);
    bool excluded_alive(const std::vector<u32>& states, const Item& item, u32 texts, const ObjectShape* shape,
                        u32 depth, u32 budget);
    void narrow(const Item& item, u32 texts, const ObjectShape* shape, u32 depth, u32 c, Item& out) const;
    u32 excluding(u32 values);

    SchemaProgram& program_;
    Formulas& formulas_;
    Shapes& shapes_;
    Derivatives& store_;
    NumberLanguage& numbers_;
    u32 max_size_;
    StableVector<State> states_;
    FlatMap state_index_;  // hash -> the first state that has it
    FlatMap steps_;        // state * 256 + byte -> state
    std::deque<Frame> frames_;
    FlatMap frame_index_;  // hash -> the first frame that has it
    InternedLists sets_;
    TextSets texts_;
    std::vector<std::pair<u32, u32>> lists_;  // texts from their ends: (the text before, its last character)
    FlatMap list_index_;
    std::deque<std::vector<std::string>> values_;  // sets of canonical values
    std::map<std::vector<std::string>, u32> value_index_;
    std::unordered_map<u32, u32> excluding_;
    u32 start_ = kDead;
};

// A JSON value's canonical text: equal values have equal ones, however they are written. Strings begin with a quote and
// have three bytes a character, so that they sort by code points. Empty if the text is no value.
std::string canonical_value(const std::string& json);

}  // namespace gcd
