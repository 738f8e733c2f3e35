// A lock on an open file that is never stale: the system lets go of it when the file is closed, however its process ends.
#pragma once

namespace retort {

// Of this open file alone, against others that ask for it too, in this process and in every other; reads and writes are not hindered. `descriptor`: as
// Node names open files. False: another holds it. Throws Failure: bad_request (no open file), file_unreadable (the file system keeps no locks).
bool lock_file(int descriptor);

}  // namespace retort
