#include "schema_program.hpp"

#include <algorithm>

namespace gcd {

namespace {

[[noreturn]] void bad(const char* what) {
    throw CoreError(ErrorKind::bad_input, 0, what);
}

class Words {
  public:
    Words(const u8* data, size_t size) : at_(data), end_(data + size) {
        if (size % 4) bad("a schema program is cut short");
    }
    u32 next() {
        if (end_ - at_ < 4) bad("a schema program ends too early");
        u32 x;
        std::memcpy(&x, at_, 4);
        at_ += 4;
        return x;
    }
    u32 count() {  // of things that take a word each at least
        const u32 n = next();
        if (n > static_cast<size_t>(end_ - at_) / 4) bad("a count runs past the schema program");
        return n;
    }
    std::string text() {
        const u32 n = next();
        const size_t padded = (static_cast<size_t>(n) + 3) / 4 * 4;
        if (padded > static_cast<size_t>(end_ - at_)) bad("a string runs past the schema program");
        std::string s(reinterpret_cast<const char*>(at_), n);
        at_ += padded;
        return s;
    }
    void done() const {
        if (at_ != end_) bad("a schema program holds more than it should");
    }

  private:
    const u8* at_;
    const u8* end_;
};

void below(u32 x, size_t n) {
    if (x >= n) bad("an index in a schema program is out of bounds");
}

class Arguments {
  public:
    explicit Arguments(const std::vector<u32>& v) : v_(v) {}
    u32 next() {
        if (i_ >= v_.size()) bad("an entry of a schema program is too short");
        return v_[i_++];
    }
    u32 index(size_t n) {
        const u32 x = next();
        below(x, n);
        return x;
    }
    bool more() const { return i_ < v_.size(); }

  private:
    const std::vector<u32>& v_;
    size_t i_ = 0;
};

}  // namespace

CodePoints decode_utf8(const std::string& text) {
    CodePoints out;
    for (size_t i = 0; i < text.size();) {
        const u8 b = static_cast<u8>(text[i]);
        const u32 n = b < 0x80 ? 1 : b < 0xE0 ? 2 : b < 0xF0 ? 3 : 4;
        if (i + n > text.size() || (b >= 0x80 && b < 0xC2)) bad("a string of a schema program is no UTF-8");
        u32 c = n == 1 ? b : b & (0xFF >> (n + 1));
        for (u32 k = 1; k < n; ++k) c = c << 6 | (static_cast<u8>(text[i + k]) & 0x3F);
        out.push_back(c);
        i += n;
    }
    return out;
}

SchemaProgram::SchemaProgram(const u8* data, size_t size, Derivatives& store) {
    Words in(data, size);
    if (in.next() != 0x4A534731 || in.next() != 1) bad("not a schema program, or of another version");
    for (u32 n = in.count(); n; --n) strings.push_back(decode_utf8(in.text()));
    std::vector<CharRanges> sets(in.count());
    for (CharRanges& set : sets)
        for (u32 n = in.count(); n; --n) {
            const u32 lo = in.next();
            set.push_back({lo, in.next()});
        }
    for (u32 n = in.count(); n; --n) decimals.push_back(parse_decimal(in.text()));
    std::vector<u32> regexes(in.count());
    for (size_t r = 0; r < regexes.size(); ++r) {
        const u32 op = in.next();
        std::vector<u32> args(in.count());
        for (u32& x : args) x = in.next();
        Arguments arg(args);
        auto list = [&] {
            std::vector<u32> out;
            while (arg.more()) out.push_back(regexes[arg.index(r)]);
            return out;
        };
        u32 x = Derivatives::kEmpty;
        switch (op) {
            case 0:
                break;
            case 1:
                x = Derivatives::kEps;
                break;
            case 2:
                x = store.chars(sets[arg.index(sets.size())]);
                break;
            case 3:
                x = store.words({strings[arg.index(strings.size())]});
                break;
            case 4: {
                const std::vector<u32> items = list();
                x = Derivatives::kEps;
                for (size_t i = items.size(); i-- > 0;) x = store.concat(items[i], x);
                break;
            }
            case 5:
                x = store.alt(list());
                break;
            case 6:
                x = store.both(list());
                break;
            case 7:
                x = store.negate(regexes[arg.index(r)]);
                break;
            case 8: {
                const u32 body = regexes[arg.index(r)], min = arg.next();
                x = store.repeat(body, min, arg.next());
                break;
            }
            case 9: {
                std::vector<CodePoints> words;
                while (arg.more()) words.push_back(strings[arg.index(strings.size())]);
                x = store.words(std::move(words));
                break;
            }
            case 10:
            case 11: {
                const u32 body = regexes[arg.index(r)];
                const bool negative = arg.next() != 0;
                x = op == 10 ? store.lookahead(body, negative) : store.lookbehind(body, negative);
                break;
            }
            case 12:
                x = Derivatives::kAny;
                break;
            default:
                bad("a schema program has an unknown kind of expression");
        }
        if (arg.more()) bad("an entry of a schema program is too long");
        regexes[r] = x;
    }
    nodes.resize(in.count());
    for (SchemaNode& n : nodes) {
        const u32 op = in.next();
        std::vector<u32> args(in.count());
        for (u32& x : args) x = in.next();
        Arguments arg(args);
        if (op > static_cast<u32>(SchemaOp::kIntegerSpelling)) bad("a schema program has an unknown kind of node");
        n.op = static_cast<SchemaOp>(op);
        auto node = [&] { return arg.index(nodes.size()); };
        auto count = [&] {  // what an entry counts stands in it
            const u32 k = arg.next();
            below(k, args.size());
            return k;
        };
        switch (n.op) {
            case SchemaOp::kTrue:
            case SchemaOp::kFalse:
            case SchemaOp::kUnique:
            case SchemaOp::kIntegerSpelling:
                break;
            case SchemaOp::kAnd:
            case SchemaOp::kOr:
            case SchemaOp::kOne:
                while (arg.more()) n.items.push_back(node());
                break;
            case SchemaOp::kNot:
                n.items.push_back(node());
                break;
            case SchemaOp::kTypes:
                n.a = arg.next();
                below(n.a, kAllTypes + 1);
                break;
            case SchemaOp::kString:
                n.a = regexes[arg.index(regexes.size())];
                break;
            case SchemaOp::kNumberRange: {
                n.a = arg.next();
                const u32 low_open = arg.next();
                n.b = arg.next();
                const u32 high_open = arg.next();
                if (n.a != NONE) below(n.a, decimals.size());
                if (n.b != NONE) below(n.b, decimals.size());
                n.c = (low_open ? 1 : 0) + (high_open ? 2 : 0);
                break;
            }
            case SchemaOp::kMultipleOf:
                n.a = arg.index(decimals.size());
                if (decimals[n.a].zero() || decimals[n.a].negative) bad("a multiple must be of something positive");
                break;
            case SchemaOp::kNumbers:
                while (arg.more()) n.items.push_back(arg.index(decimals.size()));
                break;
            case SchemaOp::kItems:
                n.a = node();
                while (arg.more()) n.items.push_back(node());
                break;
            case SchemaOp::kItemCount:
            case SchemaOp::kPropertyCount:
                n.a = arg.next();
                n.b = arg.next();
                break;
            case SchemaOp::kContains:
                n.a = node();
                n.b = arg.next();
                n.c = arg.next();
                break;
            case SchemaOp::kProperties:
                n.a = node();
                for (u32 k = count(); k; --k) {
                    const u32 name = arg.index(strings.size());
                    n.names.push_back({name, node()});
                }
                for (u32 k = count(); k; --k) {
                    const u32 regex = regexes[arg.index(regexes.size())];
                    n.patterns.push_back({regex, node()});
                }
                break;
            case SchemaOp::kPropertyNames:
                n.a = node();
                break;
            case SchemaOp::kRequired:
                while (arg.more()) n.items.push_back(arg.index(strings.size()));
                break;
            case SchemaOp::kDependentRequired:
                n.a = arg.index(strings.size());
                while (arg.more()) n.items.push_back(arg.index(strings.size()));
                break;
            case SchemaOp::kUnevaluatedProperties:
            case SchemaOp::kUnevaluatedItems: {
                n.a = node();
                for (u32 k = count(); k; --k) {
                    EvaluationSource s;
                    s.condition = node();
                    s.covers_all = arg.next() != 0;
                    if (n.op == SchemaOp::kUnevaluatedProperties) {
                        for (u32 m = count(); m; --m) s.names.push_back(arg.index(strings.size()));
                        for (u32 m = count(); m; --m) s.patterns.push_back(regexes[arg.index(regexes.size())]);
                    } else {
                        s.n_prefix = arg.next();
                        s.contains = arg.next();
                        if (s.contains != NONE) below(s.contains, nodes.size());
                    }
                    n.sources.push_back(std::move(s));
                }
                break;
            }
        }
        if (arg.more()) bad("an entry of a schema program is too long");
    }
    root = in.next();
    below(root, nodes.size());
    std::vector<u32> option(in.count());
    for (u32& x : option) x = in.next();
    if (option.size() != 6 && option.size() != 12) bad("a schema program has other options than this version knows");
    options.whitespace = option[0];
    below(options.whitespace, 3);
    options.max_run = option[1];
    auto encoded = [&](u32 i) {
        below(i, strings.size());
        std::string out;
        for (char32_t c : strings[i]) {
            if (c >= 0x80) bad("a separator is not ASCII");
            out.push_back(static_cast<char>(c));
        }
        return out;
    };
    if (options.whitespace != 0) {
        options.item_separator = encoded(option[2]);
        options.key_separator = encoded(option[3]);
    }
    options.indent = std::min(option[4], 64u);
    options.fixed_order = option[5] != 0;
    if (option.size() == 12) {
        u32 i = 6;
        for (u32* bound : {&guards.digits, &guards.exponent_digits, &guards.characters, &guards.items, &guards.members,
                           &guards.depth}) {
            *bound = option[i++];
            if (*bound != NONE) below(*bound - 1, 1000000);
        }
    }
    in.done();
}

}  // namespace gcd
