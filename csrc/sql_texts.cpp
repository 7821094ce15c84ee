#include "sql_texts.hpp"

#include <algorithm>

namespace gcd {

namespace {
// The names in [lo, hi), which share `depth` bytes, that go on with this one.
void narrow(const std::vector<std::string>& names, u32& lo, u32& hi, size_t depth, u8 byte) {
    auto at = [&](const std::string& s) { return s.size() > depth ? static_cast<int>(static_cast<u8>(s[depth])) : -1; };
    const auto begin = names.begin() + lo, end = names.begin() + hi;
    const auto first = std::partition_point(begin, end, [&](const std::string& s) { return at(s) < byte; });
    const auto last = std::partition_point(first, end, [&](const std::string& s) { return at(s) <= byte; });
    lo = static_cast<u32>(first - names.begin());
    hi = static_cast<u32>(last - names.begin());
}
}  // namespace

SqlTexts::SqlTexts(const SqlProgram& program, u32 max_texts) : program_(program), max_texts_(max_texts) {
    texts_.push_back({"", 0, static_cast<u32>(program.names.size()), 0, static_cast<u32>(program.words.size()), true,
                      true, NONE, NONE});
}

u32 SqlTexts::extend(u32 text, u8 byte, bool exact) {
    if (!exact) byte = sql_fold(byte);
    const u64 key = static_cast<u64>(text) << 8 | byte;
    const u32 known = index_.find(key);
    if (known != NONE) return known;
    SqlText next = texts_[text];
    narrow(program_.names, next.lo, next.hi, next.text.size(), byte);
    narrow(program_.words, next.klo, next.khi, next.text.size(), byte);
    const bool room = next.text.size() < max_invented();
    next.plain = next.plain && room && sql_plain_byte(byte) && sql_fold(byte) == byte &&
                 (!next.text.empty() || sql_word_start(byte));
    next.printable = next.printable && room && sql_printable(byte);
    next.text += static_cast<char>(byte);
    next.word = next.klo < next.khi && program_.words[next.klo] == next.text ? next.klo : NONE;
    next.name = next.lo < next.hi && program_.names[next.lo] == next.text ? next.lo : NONE;
    if (texts_.size() >= max_texts_) throw CoreError(ErrorKind::limit_states, max_texts_, "SQL: too many texts");
    const u32 id = size();
    texts_.push_back(std::move(next));
    index_.insert(key, id);
    return id;
}

u32 SqlTexts::of(const std::string& text) {
    u32 id = kEmpty;
    for (char c : text) id = extend(id, static_cast<u8>(c), true);
    return id;
}

}  // namespace gcd
