// Shapes: what is asked of one object or array, as a conjunction; how far it is met (progress); and whether it still
// can be. A formula that holds for some value is satisfiable; that is decided here too, since only the members and
// items of a shape can make it fail.
//
// What the members read so far mean for an object is a `Progress`: which of the known names were there, how many
// members in all, which existentials are still open. For an array: the index of the next item, and how many items
// counted.
#pragma once

#include <deque>

#include "interned_lists.hpp"
#include "schema_formulas.hpp"

namespace gcd {

// The formula of members whose key belongs to a class: the patterns that it matches, as bits.
struct KeyClass {
    u32 formula = 0;
    bool allowed = false;
    bool listed = false;  // its keys are few: all are known by name
};

struct ObjectShape {
    // Names that the schema mentions, sorted by code points. Any other key is unknown.
    struct Name {
        CodePoints text;
        u32 formula = 0;
        bool required = false;
        bool allowed = false;        // its formula is satisfiable and the key may stand
        u32 rank = 0;                // in the order of the schema; NONE: it isn't listed there
        std::vector<u8> meets;       // by existential: whether the key matches
        std::vector<u32> followers;  // names that must be there if this one is, at any remove
    };
    std::vector<Name> names;
    std::vector<u32> required;          // names, as indices
    std::vector<u32> patterns;          // expressions read along with an unknown key
    u32 unknown = Derivatives::kEmpty;  // unknown keys that may stand (known names apart)
    u32 key_start = 0;                  // vector of states: `unknown`, then the patterns
    struct Existential {
        u32 pattern;  // index into `patterns`
        u32 formula;
        bool unknown_possible;  // some unknown key meets it
    };
    std::vector<Existential> existentials;
    std::vector<std::pair<u32, std::vector<u32>>> implications;  // names
    u32 min = 0, max = NONE;
    bool counts = false;            // the number of members matters
    std::vector<MemberRule> rules;  // patterns as indices into `patterns`
    std::vector<u32> must_match;    // patterns that every key must match
    std::map<u64, KeyClass> classes;
};

struct ArrayShape {
    std::vector<std::pair<std::vector<u32>, u32>> rules;
    std::vector<ItemCountRange> counts;
    u32 min = 0, max = NONE;
    bool unique = false, repeated = false;
    u32 n_first = 0;            // items beyond are all alike
    std::vector<u32> formulas;  // of the first items, then of all others
    // Least number of further items that complete the array, by place and counts; once it was asked for.
    std::vector<u32> least;
};

// Numbers whose meaning the shape knows. Object: members, open existentials (bits), then 32 names to a word.
// Array: index of the next item, then the counts.
using Progress = std::vector<u32>;
namespace progress_word {
constexpr u32 kMembers = 0, kOpen = 1, kNames = 2;  // an object's
constexpr u32 kIndex = 0, kCounts = 1;              // an array's
}  // namespace progress_word
inline bool name_seen(const Progress& p, u32 name) {
    return p[progress_word::kNames + name / 32] >> (name % 32) & 1;
}

// Which keys may come next.
struct KeyOptions {
    bool unknown = false;
    std::vector<u32> names;  // sorted
};
// What a key or an item turns into: the progress then, and the formula of the value.
struct Entry {
    u32 progress;
    u32 formula;
};

class Shapes {
  public:
    Shapes(Formulas& formulas, Derivatives& store, NumberLanguage& numbers, u32 max_size);

    bool satisfiable(u32 formula);
    // The shapes that objects (arrays) with this formula may have; only ones that can be met.
    const std::vector<u32>& objects(u32 formula);
    const std::vector<u32>& arrays(u32 formula);
    const ObjectShape& object(u32 id) const { return *objects_[id]; }
    const ArrayShape& array(u32 id) const { return *arrays_[id]; }

    u32 progress(Progress p);
    const Progress& progress(u32 id) const { return progress_[id]; }
    u32 object_start(u32 shape);
    u32 array_start(u32 shape);

    const KeyOptions& key_options(u32 shape, u32 progress);
    // What a known name (by index), or an unknown key that matches some patterns (bits), turns into.
    void after_name(u32 shape, u32 progress, u32 name, std::vector<Entry>& out);
    void after_key(u32 shape, u32 progress, u64 matched, std::vector<Entry>& out);
    bool object_complete(u32 shape, u32 progress);
    void next_item(u32 shape, u32 progress, std::vector<Entry>& out);
    bool array_complete(u32 shape, u32 progress);

    // Whether a value of the formula need not be a container; and shapes that hold none but where they must.
    bool scalar(u32 formula);
    u32 shallow_object(u32 shape);
    u32 shallow_array(u32 shape);

    // The values of a formula, if there are at most `most` and none is an object or array; as canonical texts.
    bool finite(u32 formula, u32 most, std::vector<std::string>& out);

    // Vectors of states of expressions that read the same key side by side.
    u32 vector_step(u32 vector, u32 c);
    const std::vector<u32>& vector_states(u32 vector) const { return vectors_[vector]; }
    u32 intern_vector(std::vector<u32> states);
    // Patterns that a complete key matches, as bits (of the vector's states but the first).
    u64 matched(u32 vector) const;

    // Looks at all that the schema can ask for, as far as that is at most `most` formulas, so that `exact` is known.
    void look_at_all(u32 formula, u32 most);
    bool exact() const { return exact_; }
    const std::string& reason() const { return reason_; }
    u32 size() const { return static_cast<u32>(objects_.size() + arrays_.size() + progress_.size()); }

    void not_exact(const char* why) {
        exact_ = false;
        if (reason_.empty()) reason_ = why;
    }

  private:
    enum Life : u8 { kUnknown, kAlive, kDead, kBusy };
    u32 make_object(const ObjectDraft& draft);
    u32 make_array(const ArrayDraft& draft);
    const KeyClass& key_class(ObjectShape& shape, u64 matched);
    void split_classes(ObjectShape& shape, u32 expression, u64 matched, u32 at, std::vector<u32>& allowed, bool& all,
                       std::vector<CodePoints>& few);
    bool satisfiable_now(u32 formula);
    static constexpr u32 kFinite = 256;  // texts that are few enough to be known one by one

    // Whether what is still asked can be met by further members or items (schema_viability.cpp, schema_arrays.cpp).
    bool object_viable(u32 shape, const Progress& p);
    bool array_viable(u32 shape, const Progress& p);
    // Further members that are alike: so many names, or keys, with one formula and the same open existentials to meet.
    struct Place {
        u32 formula, meets;
        u32 count;
        bool needed;  // they come in any case
        bool operator==(const Place& o) const { return formula == o.formula && meets == o.meets && needed == o.needed; }
    };
    u32 ranks_past(const ObjectShape& shape, const Progress& p) const;
    void find_followers(ObjectShape& shape);
    bool competing(const ObjectShape& shape) const;
    void note_doubts(const ObjectShape& shape);
    bool witnessed(const ObjectShape& shape, const Progress& p, const std::vector<u8>& needed,
                   const std::vector<u8>& optional);
    u32 class_expression(const ObjectShape& shape, u64 bits);
    u32 least_witnesses(const std::vector<u32>& formulas, const std::vector<Place>& places);
    u64 count_states(const ArrayShape& shape) const;
    bool counts_viable(ArrayShape& shape, const Progress& p);
    std::vector<u32> least_items(const ArrayShape& shape);

    // How many values a formula has (schema_extent.cpp).
    bool plenty(u32 formula, u32 depth);
    void look_at_unique(const ArrayShape& shape);
    void settle_existentials(u32 shape, const Progress& p, u64 met, u32 formula, std::vector<Entry>& out);

    Formulas& formulas_;
    Derivatives& store_;
    NumberLanguage& numbers_;
    u32 max_size_;
    std::vector<std::unique_ptr<ObjectShape>> objects_;
    std::vector<std::unique_ptr<ArrayShape>> arrays_;
    std::unordered_map<u32, std::vector<u32>> objects_of_, arrays_of_;
    std::vector<u8> life_;  // by formula
    u32 tainted_ = NONE;    // the outermost formula that an answer was guessed for
    u32 depth_ = 0;
    std::vector<u32> busy_;
    InternedLists progress_;
    std::unordered_map<u64, KeyOptions> options_;
    InternedLists vectors_;
    FlatMap vector_steps_;
    std::map<std::vector<u32>, u32> object_index_, array_index_;
    std::unordered_map<u32, u32> shallow_objects_, shallow_arrays_;
    bool exact_ = true;
    std::string reason_;
};

}  // namespace gcd
