// For the binding's exception translator: says what the exception in flight is.
#pragma once

#include <new>
#include <string>

#include "common.hpp"

namespace gcd {

// Returns the ErrorKind of the exception being handled, -1 for std::bad_alloc, -2 for anything else.
inline int current_error(std::string& what, u64& value) {
    try {
        throw;
    } catch (const CoreError& e) {
        what = e.what();
        value = e.value;
        return static_cast<int>(e.kind);
    } catch (const std::bad_alloc&) {
        what = "out of memory";
        return -1;
    } catch (const std::exception& e) {
        what = e.what();
        return -2;
    }
}

}  // namespace gcd
