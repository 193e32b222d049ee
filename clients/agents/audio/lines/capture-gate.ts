/**
 * When a VM hears the microphone: it has asked, an admin has granted, and the policy of the moment has not refused a frame.
 *
 * The gate only decides whether a record stream exists at all; whether a frame arrives is decided by the broker, for that
 * very frame. A refusal holds until another policy is in force, and counts even while the grant looks good.
 */
export class CaptureGate {
  /** The VM's last word was START. */
  asked = false;
  /** The VM has the label that a grant gives. */
  granted = false;
  #isRefused = false;

  get isOpen(): boolean {
    return this.asked && this.granted && !this.#isRefused;
  }

  /** The broker denied a frame. */
  refuse(): void {
    this.#isRefused = true;
  }

  /** Another revision is in force: worth a try. */
  reconsider(): void {
    this.#isRefused = false;
  }
}
