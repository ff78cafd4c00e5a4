import { z } from 'zod'
import { byteSize, duration } from '../shared/config/index.ts'
import { largestMessage } from '../shared/wire/channel.ts'

/** So many a second, and so many at once before that counts. */
const pace = (rate: number, burst: number) =>
  z
    .strictObject({
      rate: z.int().min(1).prefault(rate),
      burst: z.int().min(1).prefault(burst),
    })
    .prefault({})

/** What one peer may ask of this process; the defaults are far above what an honest one does. */
export const limitsSchema = z.strictObject({
  /** Largest message; agents and the CLI send none above 8 MiB. */
  message: byteSize()
    .refine(bytes => bytes >= 1 << 20 && bytes <= largestMessage, { message: 'expected 1MiB to 8MiB' })
    .prefault('8MiB'),
  /** Calls of one identity. Beyond, they are refused. */
  calls: pace(200, 2_000),
  /** Frames of one agent. Beyond, its stream is read no faster. */
  frames: pace(200, 2_000),
  /** Calls and streams of one identity at a time. */
  streams: z.int().min(2).prefault(100),
  /** How long a stream may be silent before its Hello. */
  hello: duration({ min: 50 }).prefault('10s'),
  /** Databases of one instance. */
  databases: z.int().min(1).prefault(100_000),
})

export type Limits = z.infer<typeof limitsSchema>
