/** `node quantize-child.ts REQUEST DURABLE_BYTES`: makes variants of a model, and prints what quantizing gave, or the code and message of its error. */
import { toLabError } from '../../electron/contract/errors.ts';
import { quantizeModel, type QuantizeRequest } from '../../electron/engine/quantize/quantize-model.ts';
import { quiet } from './packs.ts';

const [request = '', durable = ''] = process.argv.slice(2);
const asked = JSON.parse(request) as QuantizeRequest;
const result = await quantizeModel(asked, quiet, { durableBytes: Number(durable) }).then(
  ({ variants }) => ({ variants }),
  (error: unknown) => {
    const { code, message } = toLabError(error);
    return { error: { code, message } };
  },
);
console.log(JSON.stringify(result));
