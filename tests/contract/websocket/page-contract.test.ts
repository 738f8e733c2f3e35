import { describe } from 'vitest';
import { openWebSocket } from '../../helpers/page-transports.ts';
import { describeTransport } from '../../helpers/transport-tests.ts';

describe('the page contract over a WebSocket', () => {
  describeTransport(openWebSocket);
});
