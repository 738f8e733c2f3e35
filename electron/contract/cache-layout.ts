/** Names in the cache folder: engines write them, the host lists and removes them. */

/** A folder: one folder per built graph. */
export const graphsName = 'graphs';
/** A file: which kernel set the native engine runs on this machine. */
export const kernelsName = 'kernels.json';
/** A file: how fast this machine's disks give bytes. */
export const diskName = 'disk.json';
/**
 * A file, also beside models: written to be read by the measurement of a disk. `<name>.partial-<pid>-…`, as abandoned parts of caches, so
 * that a cache folder is cleaned of it too.
 */
export const diskSampleName = 'disk-sample';
/** A folder: one folder per saved conversation cache. */
export const savedCachesName = 'saved-caches';
