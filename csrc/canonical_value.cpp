// JSON values as texts that are equal where the values are.
#include <algorithm>

#include "schema_automaton.hpp"

namespace gcd {

namespace {

void append_character(std::string& out, u32 c) {
    out += static_cast<char>(c >> 16);
    out += static_cast<char>(c >> 8);
    out += static_cast<char>(c);
}

class Canonical {
  public:
    explicit Canonical(const std::string& s) : s_(s) {}
    bool value(std::string& out, u32 depth) {
        space();
        if (i_ >= s_.size() || depth > 5000) return false;
        const char c = s_[i_];
        if (c == '"') return string(out);
        if (c == '{') {
            ++i_;
            std::vector<std::pair<std::string, std::string>> members;
            space();
            if (peek('}')) return out += "{}", true;
            do {
                std::string k, v;
                space();
                if (!string(k)) return false;
                space();
                if (!peek(':') || !value(v, depth + 1)) return false;
                members.emplace_back(std::move(k), std::move(v));
                space();
            } while (peek(','));
            if (!peek('}')) return false;
            std::sort(members.begin(), members.end());
            out += '{';
            for (const auto& [k, v] : members) length(out, k), out += k, length(out, v), out += v;
            out += '}';
            return true;
        }
        if (c == '[') {
            ++i_;
            out += '[';
            space();
            if (peek(']')) return out += ']', true;
            do {
                std::string v;
                if (!value(v, depth + 1)) return false;
                length(out, v);
                out += v;
                space();
            } while (peek(','));
            if (!peek(']')) return false;
            out += ']';
            return true;
        }
        for (const char* word : SchemaAutomaton::kLiterals)
            if (s_.compare(i_, std::strlen(word), word) == 0) {
                i_ += std::strlen(word);
                out += word;
                return true;
            }
        const size_t begin = i_;
        while (i_ < s_.size() && (std::strchr("+-.eE", s_[i_]) || (s_[i_] >= '0' && s_[i_] <= '9'))) ++i_;
        if (i_ == begin) return false;
        const Decimal d = parse_decimal(s_.substr(begin, i_ - begin));
        out += (d.negative ? "-" : "") + d.digits + "e" + std::to_string(d.zero() ? 0 : d.exponent);
        return true;
    }

  private:
    void space() {
        while (i_ < s_.size() && std::strchr(" \n\t\r", s_[i_]) && s_[i_]) ++i_;
    }
    bool peek(char c) {
        if (i_ >= s_.size() || s_[i_] != c) return false;
        ++i_;
        return true;
    }
    static void length(std::string& out, const std::string& part) { out += std::to_string(part.size()) + ":"; }
    bool string(std::string& out) {
        if (!peek('"')) return false;
        out += '"';
        StringDecoder d;
        while (i_ < s_.size()) {
            u32 c = 0;
            const auto r = d.step(static_cast<u8>(s_[i_++]), c);
            if (r == StringDecoder::kQuote) return true;
            if (r == StringDecoder::kRefused) return false;
            if (r == StringDecoder::kCharacter) append_character(out, c);
        }
        return false;
    }
    const std::string& s_;
    size_t i_ = 0;
};

}  // namespace

std::string canonical_value(const std::string& json) {
    std::string out;
    Canonical c(json);
    return c.value(out, 0) ? out : "";
}

}  // namespace gcd
