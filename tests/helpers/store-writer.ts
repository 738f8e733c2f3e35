/** `node store-writer.ts HOME NAME COUNT`: writes rows NAME0, NAME1, … one transaction each, and tells of each once it is acknowledged. */
import { openStore } from '../../electron/host/store/store.ts';

const [home = '', name = '', count = '0'] = process.argv.slice(2);
const store = openStore(home);
const sql = `INSERT INTO runs (id, at, kind, model_name, engine, arithmetic, record) VALUES (?, 1, 'bench', 'm', 'onnx', 'fast', '{}')`;
for (let i = 0; i < Number(count); i++) {
  await store.run(sql, `${name}${i}`);
  process.send?.(`${name}${i}`);
}
await store.close();
process.disconnect();
