import { redacted, redactText } from '../../shared/log/index.ts'

const assignment =
  /\b((?:mysql_|pg)?(?:password|passwd|pwd)|secret|token|(?:secret_)?access_key)(\s*[=:]\s*)('[^']*'|"[^"]*"|[^\s,;]+)/gi

/** Takes what looks like a secret out of a tool's words: passwords in URLs and `password=…` in any spelling. */
export function redact(text: string): string {
  return redactText(text).replace(assignment, `$1$2${redacted}`)
}
