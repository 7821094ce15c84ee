#include "sql_program.hpp"

#include <algorithm>

namespace gcd {

namespace {

[[noreturn]] void bad(u64 value, const char* what) {
    throw CoreError(ErrorKind::bad_input, value, std::string("SQL program: ") + what);
}

class Cursor {
  public:
    Cursor(const u8* data, size_t size) : data_(data), size_(size) {}
    u32 number() {
        if (size_ - at_ < 4) bad(at_, "it ends early");
        u32 value;
        std::memcpy(&value, data_ + at_, 4);
        at_ += 4;
        return value;
    }
    u32 below(u64 bound) {
        const u32 value = number();
        if (value >= bound) bad(value, "an index is out of range");
        return value;
    }
    // How many things follow, of at least so many bytes each.
    u32 count(u32 bytes) {
        const u32 n = number();
        if (n > (size_ - at_) / bytes) bad(n, "a count is too large");
        return n;
    }
    std::string text() {
        const u32 n = count(1);
        std::string out(reinterpret_cast<const char*>(data_ + at_), n);
        at_ += n;
        return out;
    }
    bool done() const { return at_ == size_; }

  private:
    const u8* data_;
    size_t size_, at_ = 0;
};

void sorted_texts(Cursor& c, std::vector<std::string>& texts, std::vector<u8>& flags) {
    const u32 n = c.count(8);
    for (u32 i = 0; i < n; ++i) {
        texts.push_back(c.text());
        flags.push_back(static_cast<u8>(c.below(256)));
        if (texts.back().empty() || (i && texts[i - 1] >= texts[i])) bad(i, "names are not in order");
    }
}

u32 find(const std::vector<std::string>& sorted, const std::string& text) {
    const auto it = std::lower_bound(sorted.begin(), sorted.end(), text);
    return it == sorted.end() || *it != text ? NONE : static_cast<u32>(it - sorted.begin());
}

}  // namespace

SqlPlace sql_place(SqlCategory category) {
    switch (category) {
        case SqlCategory::kColumn:
        case SqlCategory::kQualifier:
        case SqlCategory::kStarQualifier:
        case SqlCategory::kSchemaQualifier:
        case SqlCategory::kOutput:
            return SqlPlace::kOperand;
        case SqlCategory::kScalar:
        case SqlCategory::kAggregate:
        case SqlCategory::kWindow:
            return SqlPlace::kCalled;
        case SqlCategory::kLabel:
            return SqlPlace::kLabel;
        case SqlCategory::kBareAlias:
        case SqlCategory::kCollation:
        case SqlCategory::kType:
        case SqlCategory::kWindowName:
        case SqlCategory::kWindowDefinition:
            return SqlPlace::kAlias;
        default:
            return SqlPlace::kAny;
    }
}

bool SqlFunction::takes(u32 n) const {
    for (i32 a : arities)
        if (a >= 0 ? static_cast<u32>(a) == n : n <= 127 && n + 1 >= static_cast<u32>(-a)) return true;
    return false;
}

bool SqlFunction::takes_more(u32 n) const {
    for (i32 a : arities)
        if (a >= 0 ? static_cast<u32>(a) > n : n < 127) return true;
    return false;
}

u32 SqlProgram::find_name(const std::string& folded) const {
    return find(names, folded);
}

u32 SqlProgram::find_word(const std::string& folded) const {
    return find(words, folded);
}

SqlProgram::SqlProgram(const u8* data, size_t size) {
    Cursor c(data, size);
    if (c.number() != 0x324C5153) bad(0, "this is none");  // "SQL2"
    typed = c.below(2);
    sorted_texts(c, names, name_flags);
    sorted_texts(c, words, word_flags);
    for (auto* signs : {&operators, &quotes}) {
        const u32 n = c.count(5);
        for (u32 i = 0; i < n; ++i) {
            signs->push_back(c.text());
            if (signs->back().empty()) bad(i, "a sign is empty");
        }
        if (n > 64) bad(n, "too many signs");
    }
    if (names.size() > 2000000 || words.size() > 10000) bad(names.size(), "too many names");
    for (u32 t = c.count(20); t; --t) {
        SqlTable table;
        table.name = c.below(names.size());
        table.schema = c.number();
        if (table.schema != NONE && table.schema >= names.size()) bad(table.schema, "an index is out of range");
        const u32 flags = c.number();
        table.bare = flags & 1;
        table.rowid = flags & 2;
        table.writable = flags & 4;
        table.stored = flags & 8;
        for (u32 n = c.count(8); n; --n) {
            table.columns.push_back(c.below(names.size()));
            const u32 column = c.below(static_cast<u64>(SqlClass::kCount) << 2);
            table.hidden.push_back(column & 1);
            table.generated.push_back(column >> 1 & 1);
            table.types.push_back(static_cast<u8>(column >> 2));
        }
        for (u32 n = c.count(4); n; --n) {
            std::vector<u32> unique;
            for (u32 m = c.count(4); m; --m) unique.push_back(c.below(names.size()));
            std::sort(unique.begin(), unique.end());
            table.uniques.push_back(std::move(unique));
        }
        std::vector<u32> distinct = table.columns;
        std::sort(distinct.begin(), distinct.end());
        if (std::adjacent_find(distinct.begin(), distinct.end()) != distinct.end()) bad(0, "a column occurs twice");
        tables.push_back(std::move(table));
    }
    for (u32 t = c.count(20); t; --t) {
        SqlFunction f;
        f.name = c.below(names.size());
        f.kind = c.below(3);
        f.result = static_cast<SqlClass>(c.below(static_cast<u64>(SqlClass::kCount)));
        for (u32 n = c.count(4); n; --n) {
            f.arities.push_back(static_cast<i32>(c.number()));
            if (f.arities.back() < -128 || f.arities.back() > 127) bad(f.arities.size(), "a function's arity is wrong");
        }
        for (u32 n = c.count(4); n; --n) f.arguments.push_back(c.number());
        functions_named[f.name].push_back(static_cast<u32>(functions.size()));
        functions.push_back(std::move(f));
    }
    for (u32 t = c.count(4); t; --t) collations.push_back(c.below(names.size()));
    const u32 n_code = c.count(16);
    for (u32 i = 0; i < n_code; ++i) {
        SqlInstruction in;
        in.op = c.below(SqlInstruction::kReturn + 1);
        in.a = c.number();
        in.b = c.number();
        for (u32 n = c.count(4); n; --n) in.next.push_back(c.below(n_code));
        const u64 bounds[] = {words.size(),
                              operators.size(),
                              static_cast<u64>(SqlLiteral::kCount),
                              static_cast<u64>(SqlCategory::kCount),
                              n_code,
                              NONE,
                              static_cast<u64>(SqlAction::kCount),
                              NONE};
        if (in.a >= bounds[in.op]) bad(in.a, "an index is out of range");
        if (in.op != SqlInstruction::kSplit && in.next.size() != (in.op == SqlInstruction::kReturn ? 0 : 1))
            bad(i, "an instruction has the wrong number of successors");
        code.push_back(std::move(in));
    }
    start = c.below(n_code);
    max_stack = c.below(1000);
    if (!c.done()) bad(0, "it goes on behind its end");

    signs = SqlOperators(operators, typed);
    for (u32 w = 0; w < words.size(); ++w)
        if (const u32 name = find_name(words[w]); name != NONE && (word_flags[w] & kMeans))
            meaning_names.push_back(name);
    tables_of.resize(names.size());
    classes_of.assign(names.size(), 0);
    for (u32 t = 0; t < tables.size(); ++t) {
        tables_named[tables[t].name].push_back(t);
        bits_set(table_names, tables[t].name);
        for (size_t i = 0; i < tables[t].columns.size(); ++i) {
            bits_set(tables_of[tables[t].columns[i]], t);
            classes_of[tables[t].columns[i]] |= 1u << tables[t].types[i];
        }
    }
    qualified_of = tables_of;
    const char* const rowids[3] = {"rowid", "oid", "_rowid_"};
    for (u32 i = 0; i < 3; ++i) {
        rowid_names[i] = typed ? u32(NONE) : find_name(rowids[i]);
        if (rowid_names[i] == NONE) continue;
        for (u32 t = 0; t < tables.size(); ++t)
            if (tables[t].rowid) bits_set(qualified_of[rowid_names[i]], t);
    }
}

}  // namespace gcd
