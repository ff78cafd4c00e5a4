/** How bad it is: a promise is broken or data is in danger; it may still mend itself; good to know. */
export const severities = ['info', 'warning', 'critical'] as const
export type Severity = (typeof severities)[number]

/** Whether `a` is at least as bad as `b`. */
export function atLeast(a: Severity, b: Severity): boolean {
  return severities.indexOf(a) >= severities.indexOf(b)
}

/** The worse of two. */
export function worse(a: Severity, b: Severity): Severity {
  return atLeast(a, b) ? a : b
}
