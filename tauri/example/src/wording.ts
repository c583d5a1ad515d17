/** Numbers, times and languages as a person reads them. */

const numbers = new Intl.NumberFormat("en");
const dates = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
const languages = new Intl.DisplayNames("en", { type: "language", fallback: "code" });

/** "1,650". */
export function count(value: number): string {
  return numbers.format(value);
}

/** "3 s", "2 min 05 s", "1 h 20 min". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
}

/** "2.5 GB", as disks are sold. */
export function size(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** "Nov 21, 2026, 4:40 AM", in the user's time zone. */
export function date(iso: string): string {
  return dates.format(new Date(iso));
}

/** "English (United Kingdom)" for "en-GB"; a code that is no language stays as it is. */
export function language(code: string): string {
  try {
    return languages.of(code) ?? code;
  } catch {
    return code;
  }
}

/** A file name out of a title: what systems forbid is left out. */
export function fileName(title: string): string {
  const name = title
    .replace(/[\p{Cc}<>:"/\\|?*.]+/gu, " ")
    .replace(/\s+/g, " ")
    .trim();
  return name.slice(0, 80).trim() || "speech";
}
