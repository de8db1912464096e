/** A value that comes later, for one listener who is called at once when it does. Any thread. */

/**
 * What a promise is for, without its closures and its turns of the microtask queue: for what happens per request. It can be
 * awaited like one. A listener must not throw.
 */
export class Later<T> {
  private state: 'waits' | 'has a value' | 'has failed' = 'waits';
  private outcome: unknown;
  private onValue: ((value: T) => void) | null = null;
  private onFailure: ((error: unknown) => void) | null = null;

  resolve(value: T): void {
    this.state = 'has a value';
    if (this.onValue === null) this.outcome = value;
    else this.onValue(value);
  }

  reject(error: unknown): void {
    this.state = 'has failed';
    if (this.onFailure === null) this.outcome = error;
    else this.onFailure(error);
  }

  /** May be called once. Calls back at once where the value is there already. */
  // biome-ignore lint/suspicious/noThenProperty: so that it can be awaited
  then(onValue: (value: T) => void, onFailure: (error: unknown) => void): void {
    this.onValue = onValue;
    this.onFailure = onFailure;
    if (this.state === 'has a value') onValue(this.outcome as T);
    else if (this.state === 'has failed') onFailure(this.outcome);
  }
}
