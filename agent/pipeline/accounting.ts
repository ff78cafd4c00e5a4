import { AppError } from '../../shared/errors/index.ts'

/** A place where bytes pass from one to the next: both sides' exact counts, undefined when one did not tell. */
export interface Joint {
  readonly from: string
  readonly wrote: number | undefined
  readonly to: string
  readonly read: number | undefined
}

/**
 * Demands that what each stage wrote is what the next one read (P2): exit 0 everywhere is not enough
 * (facts-databases §6).
 *
 * @throws AppError `stage.bytes-lost` for the first joint that does not add up, or does not tell
 */
export function demandEqual(joints: readonly Joint[]): void {
  for (const { from, wrote, to, read } of joints) {
    if (wrote !== undefined && wrote === read) continue
    throw new AppError('stage.bytes-lost', {
      message:
        wrote === undefined || read === undefined
          ? `${wrote === undefined ? from : to} did not report how many bytes it handled`
          : `bytes were lost between ${from} and ${to}`,
      context: { from, wrote_bytes: wrote ?? 'not reported', to, read_bytes: read ?? 'not reported' },
    })
  }
}
