import { type Command, InvalidArgumentError, Option } from 'commander'
import { codecs } from '../../shared/model/engine.ts'
import type { BackupSpec } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { narrowCompression } from '../pipeline/index.ts'

/** How a standalone backup is compressed and for whom it is encrypted. */
export interface EncodingOptions {
  readonly codec: string
  readonly codecLevel?: number
  readonly codecLong?: number
  readonly codecThreads?: number
  readonly recipient: readonly string[]
  readonly recipientsFile?: string
  readonly kmsKey?: string
}

/** Adds them to a command. */
export function withEncodingOptions(command: Command): Command {
  return command
    .addOption(new Option('--codec <codec>', 'compression').choices(codecs).default('zstd'))
    .option('--codec-level <n>', 'its level (zstd 1–19, default 1; others 1–9)', wholeNumber)
    .option('--codec-long <n>', "zstd's long mode: log2 of the window, 10–31", wholeNumber)
    .option('--codec-threads <n>', 'threads of zstd or xz, 1–64', wholeNumber)
    .option('--recipient <age1…>', 'encrypt for this age recipient; repeatable', gathered, [])
    .option('--recipients-file <file>', 'encrypt for every recipient in this file')
    .option(
      '--kms-key <arn>',
      'encrypt for an identity of its own that this AWS KMS key wraps; recipients can read it besides',
    )
}

/** The same as a job has them. @throws AppError `codec.invalid` */
export function encodingOf(
  options: EncodingOptions,
): Pick<BackupSpec, 'codec' | 'codecLevel' | 'codecLong' | 'codecThreads' | 'encryption'> {
  const { codec, codecLevel: level, codecLong: long, codecThreads: threads } = options
  narrowCompression({ codec, level, long, threads })
  return {
    codec,
    codecLevel: level ?? 0,
    codecLong: long,
    codecThreads: threads,
    encryption: {
      required: false,
      recipients: [...options.recipient],
      recipientsFile: options.recipientsFile ?? '',
      kmsKey: options.kmsKey ?? '',
      breakGlass: [],
    },
  }
}

/** Gathers an option that may be given several times. */
export function gathered(text: string, before: readonly string[]): readonly string[] {
  return [...before, text]
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('a whole number above 0')
  return Number(text)
}
