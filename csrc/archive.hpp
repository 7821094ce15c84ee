// Flat binary sections: little-endian numbers and arrays, each array padded to 8 bytes, so that a section can be read
// where it lies (a mapped file). A section is hostile input: every count and offset is checked, and what the numbers
// mean is checked by whoever reads them.
#pragma once

#include "common.hpp"

namespace gcd {

// Read-only view of an array that lives in a vector or in a mapped file.
template <class T>
class View {
  public:
    View() = default;
    View(const T* data, size_t size) : data_(data), size_(size) {}
    explicit View(const std::vector<T>& v) : data_(v.data()), size_(v.size()) {}
    const T& operator[](size_t i) const { return data_[i]; }
    const T* begin() const { return data_; }
    const T* end() const { return data_ + size_; }
    const T* data() const { return data_; }
    size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }

  private:
    const T* data_ = nullptr;
    size_t size_ = 0;
};

class Writer {
  public:
    void number(u64 x) { raw(&x, 8); }
    template <class T>
    void array(const T* data, size_t n) {
        static_assert(std::is_trivially_copyable<T>::value, "flat types only");
        number(n);
        raw(data, n * sizeof(T));
        while (out.size() % 8) out.push_back(0);
    }
    template <class T>
    void array(const std::vector<T>& v) {
        array(v.data(), v.size());
    }
    template <class T>
    void array(const View<T>& v) {
        array(v.data(), v.size());
    }
    std::vector<u8> out;
    void raw(const void* p, size_t n) {
        if (!n) return;
        const u8* b = static_cast<const u8*>(p);
        out.insert(out.end(), b, b + n);
    }
};

class Reader {
  public:
    Reader(const u8* data, size_t size) : at_(data), end_(data + size) {
        if (reinterpret_cast<uintptr_t>(data) % 8) bad("a section is not aligned");
    }
    u64 number() {
        if (static_cast<size_t>(end_ - at_) < 8) bad("a section ends too early");
        u64 x;
        std::memcpy(&x, at_, 8);
        at_ += 8;
        return x;
    }
    u32 number32() {
        const u64 x = number();
        if (x > 0xFFFFFFFFull) bad("a number is too large");
        return static_cast<u32>(x);
    }
    bool flag() {
        const u64 x = number();
        if (x > 1) bad("a flag is neither 0 nor 1");
        return x == 1;
    }
    template <class T>
    View<T> view() {
        const u64 n = number();
        const size_t room = static_cast<size_t>(end_ - at_);
        if (n > room / sizeof(T)) bad("an array runs past its section");
        const T* p = reinterpret_cast<const T*>(at_);
        size_t bytes = static_cast<size_t>(n) * sizeof(T);
        bytes += (8 - bytes % 8) % 8;
        if (bytes > room) bad("an array runs past its section");
        at_ += bytes;
        return View<T>(p, static_cast<size_t>(n));
    }
    template <class T>
    std::vector<T> vector() {
        const View<T> v = view<T>();
        return std::vector<T>(v.begin(), v.end());
    }
    // All that is left, as one array.
    template <class T>
    View<T> rest() {
        const size_t room = static_cast<size_t>(end_ - at_);
        if (room % sizeof(T)) bad("a section is cut short");
        const View<T> v(reinterpret_cast<const T*>(at_), room / sizeof(T));
        at_ = end_;
        return v;
    }
    void done() const {
        if (at_ != end_) bad("a section holds more than it should");
    }
    [[noreturn]] static void bad(const char* what) { throw CoreError(ErrorKind::bad_artifact, 0, what); }
    static void check(bool ok, const char* what) {
        if (!ok) bad(what);
    }

  private:
    const u8* at_;
    const u8* end_;
};

// Lists of lists, flattened: starts (n + 1) and items.
template <class T>
void write_lists(Writer& w, const std::vector<std::vector<T>>& lists) {
    std::vector<u32> starts{0};
    std::vector<T> items;
    for (const auto& l : lists) {
        items.insert(items.end(), l.begin(), l.end());
        starts.push_back(static_cast<u32>(items.size()));
    }
    w.array(starts);
    w.array(items);
}
template <class T>
class ListsView {
  public:
    ListsView() = default;
    explicit ListsView(Reader& r) : ListsView(r, r) {}
    // The lists' starts from one section, the items from another.
    ListsView(Reader& r, Reader& items) : starts_(r.view<u32>()), items_(&r == &items ? r.view<T>() : items.rest<T>()) {
        Reader::check(!starts_.empty() && starts_[0] == 0 && starts_[starts_.size() - 1] == items_.size(),
                      "a list of lists does not cover its items");
        bool falls = false;
        for (size_t i = 0; i + 1 < starts_.size(); ++i) falls |= starts_[i] > starts_[i + 1];
        Reader::check(!falls, "a list of lists has falling starts");
    }
    size_t size() const { return starts_.size() - 1; }
    View<T> operator[](size_t i) const { return View<T>(items_.data() + starts_[i], starts_[i + 1] - starts_[i]); }
    std::vector<T> copy(size_t i) const { return std::vector<T>((*this)[i].begin(), (*this)[i].end()); }

  private:
    View<u32> starts_;
    View<T> items_;
};

// 64-bit checksum of a section: four independent multiply-xor lanes (memory speed; guards against damage, not malice).
inline u64 section_checksum(const u8* p, size_t n) {
    u64 h[4] = {0x9E3779B97F4A7C15ull, 0xBF58476D1CE4E5B9ull, 0x94D049BB133111EBull, n};
    size_t i = 0;
    for (; i + 32 <= n; i += 32)
        for (int k = 0; k < 4; ++k) {
            u64 x;
            std::memcpy(&x, p + i + 8 * static_cast<size_t>(k), 8);
            h[k] = (h[k] ^ x) * 0xD6E8FEB86659FD93ull;
            h[k] ^= h[k] >> 32;
        }
    u64 r = n;
    for (int k = 0; k < 4; ++k) r = mix(r, h[k]);
    for (; i < n; ++i) r = mix(r, p[i]);
    return r;
}

}  // namespace gcd
