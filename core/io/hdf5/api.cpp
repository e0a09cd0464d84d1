// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/hdf5/api.h"

namespace nibblescope::hdf5 {
namespace {

// Debian's library serialises single calls only, and others none: one lock for all of them.
std::recursive_mutex &libraryMutex() {
    static std::recursive_mutex mutex;
    return mutex;
}

void startLibrary() {
    static const bool started = [] {
        // Worker threads may outlive main(), and a plugin is code that a file would choose.
        H5dont_atexit();
        H5open();
        H5PLset_loading_state(0);
        return true;
    }();
    static_cast<void>(started);
}

herr_t takeFirst(unsigned, const H5E_error2_t *error, void *data) {
    auto &reason = *static_cast<std::string *>(data);
    if (reason.empty() && error->desc != nullptr)
        reason = error->desc;
    return 0;
}

} // namespace

Scope::Scope() : m_lock(libraryMutex()) {
    startLibrary();
    // Printing is a setting of each thread.
    H5Eget_auto2(H5E_DEFAULT, &m_print, &m_printData);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

Scope::~Scope() { H5Eset_auto2(H5E_DEFAULT, m_print, m_printData); }

std::string lastReason() {
    std::string reason;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, takeFirst, &reason);
    return reason.empty() ? "the library does not say why" : reason;
}

Handle fileAccess() {
    Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
    checked(H5Pset_file_locking(access, 0, 1));
    checked(H5Pset_fclose_degree(access, H5F_CLOSE_STRONG));
    return access;
}

} // namespace nibblescope::hdf5
