import { readFile } from 'node:fs/promises'
import { AppError } from '../../shared/errors/index.ts'
import { bareRecipient, isRecipient } from '../../shared/model/recipient.ts'
import type { ToolFinder } from '../engines/port.ts'
import { runCommand } from '../process/index.ts'

/**
 * Narrows a recipient; the comment of an SSH key is left out.
 *
 * @throws AppError `encryption.recipient-invalid`
 */
export function narrowRecipient(text: string, where: Readonly<Record<string, string | number>> = {}): string {
  const trimmed = text.trim()
  // an identity pasted by mistake must not be repeated in a log
  if (/^AGE-SECRET-KEY-/i.test(trimmed))
    throw new AppError('encryption.recipient-invalid', {
      message: 'a recipient is a secret key',
      hint: 'Give the public key (`age-keygen -y FILE` prints it), and treat the secret one as exposed: make a new identity.',
      context: { ...where },
    })
  if (isRecipient(trimmed)) return bareRecipient(trimmed)
  throw new AppError('encryption.recipient-invalid', {
    context: { recipient: trimmed.slice(0, 100), ...where },
  })
}

/**
 * Reads a file of recipients as `age -R` does: one a line, blank lines and `#` comments left out.
 *
 * @throws AppError `encryption.recipients-unreadable`, `encryption.recipient-invalid` with the line
 */
export async function readRecipientsFile(path: string): Promise<readonly string[]> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    const detail = (cause as NodeJS.ErrnoException).code ?? 'unknown'
    throw new AppError('encryption.recipients-unreadable', { context: { path, detail }, cause })
  }
  const recipients = text.split(/\r?\n/).flatMap((line, index) => {
    const trimmed = line.trim()
    return trimmed === '' || trimmed.startsWith('#')
      ? []
      : [narrowRecipient(trimmed, { path, line: index + 1 })]
  })
  if (recipients.length === 0)
    throw new AppError('encryption.recipients-unreadable', {
      message: 'the recipients file names nobody',
      context: { path },
    })
  return recipients
}

/**
 * Has age encrypt nothing for these recipients: what it would refuse is refused before a dump starts.
 *
 * @throws AppError `encryption.recipient-invalid`, `tool.missing`
 */
export async function tryRecipients(
  recipients: readonly string[],
  context: { readonly tools: ToolFinder; readonly signal?: AbortSignal },
): Promise<void> {
  const { path } = await context.tools.find(['age'], [], 'path')
  const args = ['--encrypt', '--armor', ...recipients.flatMap(recipient => ['-r', recipient])]
  await runCommand({ name: 'age', program: path, args }, { ...context, input: '' }).catch(
    (thrown: unknown) => {
      const { code, context } = AppError.from(thrown)
      if (code !== 'stage.failed') throw thrown
      throw new AppError('encryption.recipient-invalid', {
        context: { recipients, said: firstLine(context['stderr']) },
        cause: thrown,
      })
    },
  )
}

/** What age says first; the rest asks for reports. */
export function firstLine(stderr: unknown): string {
  return (
    String(stderr ?? '')
      .split('\n')[0]
      ?.replace(/^age: error: /, '') ?? ''
  )
}
