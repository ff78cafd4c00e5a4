import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkEncryption, noEncryption, planEncryption } from '../../../agent/encryption/index.ts'
import { narrowRecipient, readRecipientsFile } from '../../../agent/encryption/recipients.ts'
import { createToolFinder } from '../../../agent/process/index.ts'
import type { EncryptionSpec } from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { requireServers, type TemporaryFolder, temporaryFolder } from '../../harness/index.ts'

const tools = await requireServers('encryption: who can read', 'age')

const one = 'age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg'
const two = 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p'
const asked = (changes: Partial<EncryptionSpec> = {}): EncryptionSpec => ({
  required: false,
  recipients: [],
  recipientsFile: '',
  kmsKey: '',
  breakGlass: [],
  ...changes,
})

let folder: TemporaryFolder
beforeAll(async () => {
  folder = await temporaryFolder('recipients')
})
afterAll(() => folder[Symbol.asyncDispose]())

async function file(text: string): Promise<string> {
  const path = join(folder.path, 'recipients.txt')
  await writeFile(path, text)
  return path
}

describe('who can read a backup', () => {
  it.each([
    ['the policy', asked({ required: true }), noEncryption],
    ['the agent configuration', undefined, { ...noEncryption, required: true }],
    ['the agent configuration', asked(), { ...noEncryption, required: true }],
  ])('must be said when %s requires encryption; break-glass alone says nothing', (by, spec, settings) => {
    expect(() => planEncryption(spec, { ...settings, breakGlass: [two] })).toThrow(
      expect.objectContaining({ code: 'encryption.required', context: { required_by: by } }),
    )
  })

  it('is nobody in particular when nobody asks', () => {
    expect(planEncryption(undefined, noEncryption)).toEqual({ kind: 'none' })
    expect(planEncryption(asked({ breakGlass: [one] }), noEncryption)).toEqual({ kind: 'none' })
  })

  it('says the job before the host; who may read everything is added from both', () => {
    const host = { ...noEncryption, recipients: [two], kmsKey: 'alias/host', breakGlass: [two] }
    expect(planEncryption(asked({ recipients: [one] }), host)).toEqual({
      kind: 'age',
      recipients: [one, two],
    })
    expect(planEncryption(asked({ required: true }), host)).toEqual({
      kind: 'aws-kms',
      key: 'alias/host',
      recipients: [two],
    })
    expect(planEncryption(asked({ kmsKey: 'alias/job', breakGlass: [one] }), host)).toEqual({
      kind: 'aws-kms',
      key: 'alias/job',
      recipients: [one, two],
    })
  })

  it('is never told by a secret key, which is not repeated', () => {
    const secret = 'AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQ'
    try {
      narrowRecipient(secret)
      expect.unreachable()
    } catch (thrown) {
      expect(thrown).toMatchObject({ code: 'encryption.recipient-invalid' })
      expect(JSON.stringify((thrown as { toFailure(): unknown }).toFailure())).not.toContain('QQQQ')
    }
  })

  it('reads a file of recipients as age does, and tells the line that is none', async () => {
    const text = `# ops\n${one}\n\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA someone@host\r\n`
    expect(await readRecipientsFile(await file(text))).toEqual([one, 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA'])
    await expect(readRecipientsFile(await file(`${one}\nnonsense\n`))).rejects.toMatchObject({
      code: 'encryption.recipient-invalid',
      context: { line: 2 },
    })
    for (const empty of ['', '# nobody\n'])
      await expect(readRecipientsFile(await file(empty))).rejects.toMatchObject({
        code: 'encryption.recipients-unreadable',
      })
    await expect(readRecipientsFile(join(folder.path, 'none'))).rejects.toMatchObject({
      code: 'encryption.recipients-unreadable',
      context: { detail: 'ENOENT' },
    })
  })

  it.skipIf(tools.missing)('is tried with age itself before a backup is accepted', async () => {
    const finder = createToolFinder()
    await checkEncryption(planEncryption(asked({ recipients: [one] }), noEncryption), finder)
    const wrong = `${one.slice(0, -1)}q`
    await expect(
      checkEncryption(planEncryption(asked({ recipients: [one, wrong] }), noEncryption), finder),
    ).rejects.toMatchObject({
      code: 'encryption.recipient-invalid',
      context: { said: expect.stringContaining('recipient') },
    })
  })

  it('needs age on the host: which tool, where it was looked for, how to install it', async () => {
    const plan = planEncryption(asked({ recipients: [one] }), noEncryption)
    const finder = createToolFinder({ paths: { age: '/nowhere/age' } })
    await expect(checkEncryption(plan, finder)).rejects.toMatchObject({
      code: 'tool.missing',
      context: { tool: 'age', searched: ['/nowhere/age'], package: 'age' },
    })
  })
})
