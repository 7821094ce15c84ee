// White space between lexemes, and the bytes that may come there.
#include "schema_automaton.hpp"

namespace gcd {

u32 SchemaAutomaton::depth_of(const State& s) const {
    const Item& i = s.items[0];
    if (s.phase == kValue || s.phase == kColon) return frames_[sets_[i.b][0]].depth;
    return frames_[i.a].depth;
}

// What fixed separators demand at this place.
std::string SchemaAutomaton::gap_text(const State& s) const {
    const SchemaOptions& o = program_.options;
    auto line = [&](u32 depth) { return "\n" + std::string(static_cast<size_t>(depth) * o.indent, ' '); };
    switch (s.gap_kind) {
        case 1: {
            std::string text = o.item_separator.substr(1);
            if (o.whitespace == 2) text = line(depth_of(s));
            return text;
        }
        case 2:
            return o.whitespace == 2 ? line(depth_of(s)) : "";
        case 3:
            return o.key_separator;
        case 4:
            return o.whitespace == 2 ? line(depth_of(s) - 1) : "";
        default:
            return "";
    }
}

u32 SchemaAutomaton::next_bytes(const State& s, u8* out) {
    u32 n = 0;
    auto put = [&](const char* bytes) {
        for (; *bytes; ++bytes) out[n++] = static_cast<u8>(*bytes);
    };
    if (s.phase == kLiteral) {
        out[n++] = static_cast<u8>(kLiterals[s.literal][s.literal_at]);
        return n;
    }
    if (program_.options.whitespace != 0) {
        if (s.phase == kValue || s.phase == kKey || s.phase == kClose || s.phase == kColon) {
            const std::string gap = gap_text(s);
            if (s.gap < gap.size()) {
                out[n++] = static_cast<u8>(gap[s.gap]);
                return n;
            }
        } else if (program_.options.whitespace == 2) {
            put("\n");
        }
    }
    switch (s.phase) {
        case kAfter:
            put(",]}");
            break;
        case kObjectFirst:
            put("\"}");
            break;
        case kKey:
            put("\"");
            break;
        case kColon:
            put(":");
            break;
        case kClose:
            put("]}");
            break;
        case kArrayFirst:
            put("]\"{[ntf-0123456789");
            break;
        default: {
            bool strings = false, numbers = false, objects = false, arrays = false, literals = false;
            for (const Item& i : s.items) {
                strings = strings || formulas_.string_expression(i.a) != Derivatives::kEmpty;
                numbers = numbers || !formulas_.number_conditions(i.a).empty();
                objects = objects || !shapes_.objects(i.a).empty();
                arrays = arrays || !shapes_.arrays(i.a).empty();
                for (SchemaType t : kLiteralTypes) literals = literals || formulas_.allows(i.a, t);
            }
            if (strings) put("\"");
            if (objects) put("{");
            if (arrays) put("[");
            if (literals) put("ntf");
            if (numbers) put("-0123456789");
        }
    }
    return n;
}

}  // namespace gcd
