/** What a recipient of age looks like: `age1…` (X25519, or of a plugin), an SSH public key without its comment. */
const recipientForm = /^(age1[a-z0-9]{10,}|ssh-(ed25519|rsa) [A-Za-z0-9+/=]+)$/

/** A recipient in its shortest form: an SSH key without its comment. */
export function bareRecipient(text: string): string {
  const trimmed = text.trim()
  return trimmed.startsWith('ssh-') ? trimmed.split(/\s+/).slice(0, 2).join(' ') : trimmed
}

/** Whether a text looks like a recipient; whether age takes it only age can tell. */
export function isRecipient(text: string): boolean {
  return recipientForm.test(bareRecipient(text))
}
