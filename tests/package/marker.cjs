// What NODE_OPTIONS names in the test of the packaged app: leaves a trace where it runs.
require('node:fs').writeFileSync(process.env.RETORT_TEST_MARKER, process.execPath);
