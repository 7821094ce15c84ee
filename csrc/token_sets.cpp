#include "token_sets.hpp"

#include <algorithm>

namespace gcd {

void TokenSets::clear() {
    sets_.clear();
    index_.clear();
    unions_.clear();
    union_index_.clear();
    inputs_.clear();
    number_of_.clear();
    bytes_ = 0;
    sets_.resize(std::max<size_t>(saved_.at.size(), 1));
    for (u32 id = 1; id < sets_.size(); ++id) sets_[id].known = false;
    if (saved_.at.empty()) index_.add(hash_of(TokenSet{}), EMPTY);
}

u64 TokenSets::hash_of(const TokenSet& s) {
    const View<u32>& v = !s.parts.empty() ? s.parts : !s.words.empty() ? s.words : s.ids;
    const u64 kind = !s.parts.empty() ? 2 : !s.words.empty() ? 1 : 0;
    return section_checksum(reinterpret_cast<const u8*>(v.data()), v.size() * 4) + kind;
}

u32 TokenSets::find(const TokenSet& s, u64 hash) {
    auto same = [](const View<u32>& a, const View<u32>& b) {
        return a.size() == b.size() && (a.data() == b.data() || std::equal(a.begin(), a.end(), b.begin()));
    };
    return index_.find(hash, [&](u32 id) {
        const TokenSet& known = set(id);
        return same(known.ids, s.ids) && same(known.words, s.words) && same(known.parts, s.parts);
    });
}

u32 TokenSets::intern(const TokenSet& s) {
    const u64 h = hash_of(s);
    u32 id = find(s, h);
    if (id != NONE) return id;
    return keep({s, nullptr, true}, h);
}

u32 TokenSets::keep(Set made, u64 hash) {
    const u32 id = size();
    sets_.push_back(std::move(made));
    index_.add(hash, id);
    bytes_ += sizeof(Set) + 48;
    return id;
}

void TokenSets::add(u32 id, u32* words) {
    const TokenSet& s = set(id);
    for (u32 t : s.ids) words[t / 32] |= 1u << (t % 32);
    const u32* w = s.words.data();
    for (size_t i = 0; i < s.words.size(); ++i) words[i] |= w[i];
    for (u32 part : s.parts) add(part, words);
}

u32 TokenSets::unite(std::vector<u32>& numbers, const std::vector<const TokenSet*>& others) {
    std::sort(numbers.begin(), numbers.end());
    numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
    if (!numbers.empty() && numbers[0] == EMPTY) numbers.erase(numbers.begin());
    if (others.empty() && numbers.size() < 2) return numbers.empty() ? EMPTY : numbers[0];
    wanted_.assign(numbers.begin(), numbers.end());
    for (const TokenSet* o : others) wanted_.push_back(reinterpret_cast<u64>(o));
    u64 key = 97;
    for (u64 x : wanted_) key = mix(key, x);
    const u32 known = union_index_.find(key, [&](u32 i) {
        const Union& u = unions_[i];
        return u.size == wanted_.size() && std::equal(wanted_.begin(), wanted_.end(), inputs_.begin() + u.begin);
    });
    if (known != NONE) return unions_[known].set;
    // Sets of few tokens become one, unless there is one only; those of many are listed.
    parts_.clear();
    sparse_.clear();
    u32 one = EMPTY;  // the set of few tokens, if there is just one
    auto take = [&](u32 n) {
        const TokenSet& s = set(n);
        if (!few(s)) {
            parts_.push_back(n);
        } else {
            sparse_.push_back(s.ids);
            one = n;
        }
    };
    for (u32 n : numbers) {
        const View<u32> parts = set(n).parts;
        if (parts.empty()) take(n);
        for (u32 part : parts) take(part);
    }
    for (const TokenSet* s : others) {
        if (few(*s)) {
            sparse_.push_back(s->ids);
            one = NONE;
            continue;
        }
        const auto [it, fresh] = number_of_.try_emplace(s, 0);
        if (fresh) it->second = intern(*s);
        parts_.push_back(it->second);
    }
    if (sparse_.size() > 1 || one == NONE) one = intern_union(sparse_);
    if (one != EMPTY) parts_.push_back(one);
    const u32 id = intern_parts();
    bytes_ += 64 + wanted_.size() * 8;
    union_index_.add(key, static_cast<u32>(unions_.size()));
    unions_.push_back({inputs_.size(), wanted_.size(), id});
    inputs_.insert(inputs_.end(), wanted_.begin(), wanted_.end());
    return id;
}

// The union of sets of few tokens.
u32 TokenSets::intern_union(const std::vector<View<u32>>& sets) {
    for (const View<u32>& ids : sets)
        for (u32 id : ids) collector_.add(id);
    const u32 many = collector_.count();
    Set made;
    if (many > n_words_) {
        made.own.reset(new u32[n_words_]);
        std::memcpy(made.own.get(), collector_.words().data(), n_words_ * 4);
        made.tokens.words = View<u32>(made.own.get(), n_words_);
        collector_.clear();
    } else {
        made.own.reset(new u32[many]);
        collector_.take(made.own.get());
        made.tokens.ids = View<u32>(made.own.get(), many);
    }
    const u64 h = hash_of(made.tokens);
    const u32 known = find(made.tokens, h);
    if (known != NONE) return known;
    bytes_ += std::min(many, n_words_) * 4;
    return keep(std::move(made), h);
}

// The set of which `parts_` are the parts.
u32 TokenSets::intern_parts() {
    std::sort(parts_.begin(), parts_.end());
    parts_.erase(std::unique(parts_.begin(), parts_.end()), parts_.end());
    if (parts_.size() < 2) return parts_.empty() ? EMPTY : parts_[0];
    Set made;
    made.tokens.parts = View<u32>(parts_);
    const u64 h = hash_of(made.tokens);
    const u32 known = find(made.tokens, h);
    if (known != NONE) return known;
    made.own.reset(new u32[parts_.size()]);
    std::copy(parts_.begin(), parts_.end(), made.own.get());
    made.tokens.parts = View<u32>(made.own.get(), parts_.size());
    bytes_ += parts_.size() * 4;
    return keep(std::move(made), h);
}

// In an artefact a set is its ids (no flag), its parts (kParts), its words (kDense), or, since many dense sets are
// nearly alike, another one's number and the ids in which they differ (kDelta). That other one has a lower number and
// lies there as words. Parts have lower numbers.
namespace {
constexpr u64 kDense = 1ull << 63, kDelta = 1ull << 62, kParts = 1ull << 61;
constexpr size_t kMaxBases = 128;  // sets that are tried
}  // namespace

void TokenSets::load(u32 id) {
    const u64 at = saved_.at[id], size = saved_.size[id] & ~(kDense | kDelta | kParts);
    auto check = Reader::check;
    check(at <= saved_.contents.size() && size <= saved_.contents.size() - at, "a token set is out of bounds");
    const View<u32> v(saved_.contents.data() + at, static_cast<size_t>(size));
    Set& made = sets_[id];
    if (saved_.size[id] & kDelta) {
        check(size > 0 && v[0] < id && saved_.size[v[0]] & kDense, "a token set is built on one that is none");
        const TokenSet& base = set(v[0]);
        made.own.reset(new u32[n_words_]);
        std::memcpy(made.own.get(), base.words.data(), n_words_ * 4);
        for (size_t i = 1; i < v.size(); ++i) {
            check(v[i] < saved_.width, "a token set names a token out of range");
            made.own[v[i] / 32] ^= 1u << (v[i] % 32);
        }
        made.tokens.words = View<u32>(made.own.get(), n_words_);
        bytes_ += n_words_ * 4;
    } else if (saved_.size[id] & kDense) {
        const u32 rest = saved_.width % 32;
        check(size == n_words_ && (rest == 0 || !(v[n_words_ - 1] >> rest)), "a token set names a token out of range");
        made.tokens.words = v;
    } else if (saved_.size[id] & kParts) {
        for (u32 part : v)
            check(part < id && !(saved_.size[part] & kParts), "a token set has parts that it can't have");
        made.tokens.parts = v;
    } else {
        for (size_t i = 0; i < v.size(); ++i)
            check(v[i] < saved_.width && (i == 0 || v[i - 1] < v[i]), "a token set names a token out of range");
        made.tokens.ids = v;
    }
    check(hash_of(made.tokens) == saved_.sums[id], "a token set is damaged");
    made.known = true;
}

void TokenSets::save(Writer& w, Writer& contents) {
    std::vector<u64> at, sizes, sums;
    std::vector<u32> bases, differ(n_words_), delta;
    for (u32 id = 0; id < size(); ++id) {
        const TokenSet& s = set(id);
        at.push_back(contents.out.size() / 4);
        sums.push_back(hash_of(s));
        if (s.words.empty()) {
            const View<u32>& v = s.parts.empty() ? s.ids : s.parts;
            contents.raw(v.data(), v.size() * 4);
            sizes.push_back(v.size() | (s.parts.empty() ? 0 : kParts));
            continue;
        }
        u32 best = n_words_ / 2, base = NONE;
        for (size_t i = bases.size() > kMaxBases ? bases.size() - kMaxBases : 0; i < bases.size(); ++i) {
            const u32* other = set(bases[i]).words.data();
            for (u32 k = 0; k < n_words_; ++k) differ[k] = s.words[k] ^ other[k];
            const u32 n = count_bits(differ.data(), n_words_);
            if (n < best) best = n, base = bases[i];
        }
        if (base == NONE) {
            bases.push_back(id);
            contents.raw(s.words.data(), n_words_ * 4);
            sizes.push_back(n_words_ | kDense);
            continue;
        }
        delta.assign(1, base);
        const u32* other = set(base).words.data();
        for (u32 k = 0; k < n_words_; ++k)
            for (u32 x = s.words[k] ^ other[k]; x; x &= x - 1)
                delta.push_back(k * 32 + static_cast<u32>(__builtin_ctz(x)));
        contents.raw(delta.data(), delta.size() * 4);
        sizes.push_back(delta.size() | kDelta);
    }
    w.array(at);
    w.array(sizes);
    w.array(sums);
    HashIndex::save(w, sums);
}

void TokenSets::restore(Reader& r, Reader& contents, u32 width) {
    saved_.at = r.view<u64>();
    saved_.size = r.view<u64>();
    saved_.sums = r.view<u64>();
    saved_.contents = contents.rest<u32>();
    saved_.width = width;
    Reader::check(!saved_.at.empty() && saved_.at.size() < NONE && saved_.size.size() == saved_.at.size() &&
                      saved_.sums.size() == saved_.at.size() && saved_.size[0] == 0,
                  "token set tables differ in length");
    index_.restore(r, saved_.at.size());
    clear();
}

}  // namespace gcd
