/// <reference lib="dom" />
/* The reference above is for structuredClone and setTimeout, which every runtime of the contract has. */

/** One end of a channel that delivers whole values in order: a child process, a worker, a WebSocket, an in-memory pair. */
export interface Port {
  /** What is sent after the other end is gone is lost, and `onClose` says so. Throws only for values that cannot be copied. */
  postMessage(value: unknown): void;
  onMessage(listener: (value: unknown) => void): void;
  /** Called once, also where the port was closed before the listener came. `reason` is for people. */
  onClose(listener: (reason?: string) => void): void;
  close(): void;
}

/** Two ports joined in memory: values are copied as between processes and arrive in a later turn. */
export function portPair(): [Port, Port] {
  const left = new MemoryPort();
  const right = new MemoryPort();
  left.other = right;
  right.other = left;
  return [left, right];
}

class MemoryPort implements Port {
  other: MemoryPort | null = null;
  private readonly messageListeners: ((value: unknown) => void)[] = [];
  private readonly closeListeners: (() => void)[] = [];
  private underway: unknown[] = [];
  private closed = false;

  postMessage(value: unknown): void {
    this.underway.push(structuredClone(value));
    // A timer, not a microtask: two ends that answer each other must not keep timers and input from their turn.
    if (this.underway.length === 1) setTimeout(() => this.deliver(), 0);
  }

  onMessage(listener: (value: unknown) => void): void {
    this.messageListeners.push(listener);
  }

  onClose(listener: () => void): void {
    if (this.closed) setTimeout(listener, 0);
    else this.closeListeners.push(listener);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const listener of this.closeListeners) setTimeout(listener, 0);
    this.other?.close();
  }

  private deliver(): void {
    const values = this.underway;
    this.underway = [];
    for (const value of values) {
      if (this.closed || !this.other) return;
      for (const listener of this.other.messageListeners) listener(value);
    }
  }
}

/** A port whose channel comes later: what is sent before waits. */
export class LatePort implements Port {
  private real: Port | null = null;
  private closeReason: { readonly text: string | undefined } | null = null;
  private waiting: unknown[] = [];
  private readonly messageListeners: ((value: unknown) => void)[] = [];
  private readonly closeListeners: ((reason?: string) => void)[] = [];

  /** The channel has come. */
  open(port: Port): void {
    if (this.closeReason) return port.close();
    this.real = port;
    port.onClose((reason) => this.end(reason));
    port.onMessage((value) => {
      for (const listener of this.messageListeners) listener(value);
    });
    for (const value of this.waiting) port.postMessage(value);
    this.waiting = [];
  }

  /** The other end is gone, whether the channel came or not. */
  end(reason?: string): void {
    if (this.closeReason) return;
    this.closeReason = { text: reason };
    for (const listener of this.closeListeners) listener(reason);
  }

  postMessage(value: unknown): void {
    if (this.real) this.real.postMessage(value);
    else this.waiting.push(value);
  }

  onMessage(listener: (value: unknown) => void): void {
    this.messageListeners.push(listener);
  }

  onClose(listener: (reason?: string) => void): void {
    if (!this.closeReason) return void this.closeListeners.push(listener);
    const { text } = this.closeReason;
    setTimeout(() => listener(text), 0);
  }

  close(): void {
    this.real?.close();
    this.end();
  }
}
