/** Which voice: a language first, for there are hundreds of voices, then one of its voices. */

import { useMemo } from "react";
import { chosenOf, family, type Speaker } from "../voices";
import { language } from "../wording";

const ANY = "any";

interface Chosen {
  speakers: readonly Speaker[];
  /** Said when there are none. */
  none: string;
  voice: string;
  onVoice(id: string): void;
  disabled?: boolean;
}

/** The families of languages that there are, by name. */
export function families(speakers: readonly Speaker[]): { code: string; name: string }[] {
  const codes = new Set(speakers.map((each) => family(each.language)).filter((code) => code !== ""));
  return [...codes]
    .map((code) => ({ code, name: language(code) }))
    .sort((one, other) => one.name.localeCompare(other.name));
}

export function VoiceChoice({ speakers, none, voice, onVoice, disabled = false }: Chosen) {
  const all = useMemo(() => families(speakers), [speakers]);
  const now = chosenOf(speakers, voice);
  const code = now === undefined ? ANY : family(now.language) || ANY;
  const offered = speakers.filter((each) => (family(each.language) || ANY) === code);
  const anyLanguage = speakers.some((each) => each.language === null);

  return (
    <>
      <label className="field">
        <span>Language</span>
        <select
          value={code}
          disabled={disabled || speakers.length === 0}
          onChange={(event) => {
            const first = speakers.find((each) => (family(each.language) || ANY) === event.target.value);
            if (first) onVoice(first.id);
          }}
        >
          {speakers.length === 0 && <option value={ANY}>{none}</option>}
          {anyLanguage && <option value={ANY}>Any language</option>}
          {all.map((each) => (
            <option key={each.code} value={each.code}>
              {each.name}
            </option>
          ))}
        </select>
      </label>
      <label className="field">
        <span>Voice</span>
        <select
          value={now?.id ?? ""}
          disabled={disabled || speakers.length === 0}
          onChange={(event) => onVoice(event.target.value)}
        >
          {speakers.length === 0 && <option value="">{none}</option>}
          {offered.map((each) => (
            <option key={each.id} value={each.id}>
              {each.name}
            </option>
          ))}
        </select>
      </label>
    </>
  );
}

/** How fast: half to twice the voice's own pace. */
export function RateChoice({
  rate,
  onRate,
  disabled,
}: {
  rate: number;
  onRate(rate: number): void;
  disabled?: boolean;
}) {
  return (
    <label className="field">
      <span>Rate</span>
      <span className="with-value">
        <input
          type="range"
          min="0.5"
          max="2"
          step="0.05"
          value={rate}
          disabled={disabled}
          onChange={(event) => onRate(Number(event.target.value))}
          aria-valuetext={`${rate.toFixed(2)} times`}
        />
        <output className="number">{rate.toFixed(2)} ×</output>
      </span>
    </label>
  );
}
