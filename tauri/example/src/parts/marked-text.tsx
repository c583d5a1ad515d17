/**
 * A text with the word that is heard and the passage around it. Only the paragraphs that they touch are drawn again,
 * so that a book costs no more than a page. Follows the word, unless the reader has scrolled somewhere else.
 */

import { memo, useEffect, useMemo, useRef } from "react";
import type { Range } from "../speaking";

interface Paragraph extends Range {
  text: string;
}

/** The text line by line; nothing is lost, so offsets stay what they are. */
export function paragraphs(text: string): Paragraph[] {
  const found: Paragraph[] = [];
  let start = 0;
  while (start < text.length) {
    const line = text.indexOf("\n", start);
    const end = line < 0 ? text.length : line + 1;
    found.push({ start, end, text: text.slice(start, end) });
    start = end;
  }
  return found;
}

/** What of a range lies in a paragraph, counted from the paragraph's begin; null when nothing does. */
function within(range: Range | null, paragraph: Range): Range | null {
  if (range === null || range.end <= paragraph.start || range.start >= paragraph.end) return null;
  return {
    start: Math.max(range.start, paragraph.start) - paragraph.start,
    end: Math.min(range.end, paragraph.end) - paragraph.start,
  };
}

interface Marks {
  text: string;
  wordStart: number;
  wordEnd: number;
  passageStart: number;
  passageEnd: number;
}

/** One paragraph. Its marks are numbers, so that one without marks is never drawn twice. */
const Line = memo(function Line({ text, wordStart, wordEnd, passageStart, passageEnd }: Marks) {
  const begin = passageStart < 0 ? wordStart : passageStart;
  const end = passageStart < 0 ? wordEnd : passageEnd;
  if (begin < 0) return <p>{text}</p>;
  const hasWord = wordStart >= 0;
  return (
    <p>
      {text.slice(0, begin)}
      <span className="passage">
        {hasWord ? (
          <>
            {text.slice(begin, wordStart)}
            <mark>{text.slice(wordStart, wordEnd)}</mark>
            {text.slice(wordEnd, end)}
          </>
        ) : (
          text.slice(begin, end)
        )}
      </span>
      {text.slice(end)}
    </p>
  );
});

export function MarkedText({
  text,
  word,
  passage,
}: {
  text: string;
  word: Range | null;
  passage: Range | null;
}) {
  const lines = useMemo(() => paragraphs(text), [text]);
  const box = useRef<HTMLDivElement>(null);
  const strayed = useRef(false);
  const wordStart = word?.start ?? -1;

  // biome-ignore lint/correctness/useExhaustiveDependencies: the mark has moved when the word has
  useEffect(() => {
    const mark = box.current?.querySelector("mark");
    const frame = box.current;
    if (!mark || !frame || strayed.current) return;
    const { top, bottom } = frame.getBoundingClientRect();
    const place = mark.getBoundingClientRect();
    const room = (bottom - top) / 4;
    if (place.top < top + 8 || place.bottom > bottom - room) {
      const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
      mark.scrollIntoView({ block: "center", behavior: calm ? "instant" : "smooth" });
    }
  }, [wordStart]);

  return (
    <div
      ref={box}
      className="marked-text"
      role="document"
      aria-label="The text that is being read"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a stretch that scrolls has to be reachable with the keyboard
      tabIndex={0}
      data-word-start={wordStart}
      onWheel={() => {
        strayed.current = true;
      }}
      onDoubleClick={() => {
        strayed.current = false;
      }}
    >
      {lines.map((line) => {
        const marked = within(word, line);
        const around = within(passage, line);
        return (
          <Line
            key={line.start}
            text={line.text}
            wordStart={marked?.start ?? -1}
            wordEnd={marked?.end ?? -1}
            passageStart={around?.start ?? -1}
            passageEnd={around?.end ?? -1}
          />
        );
      })}
    </div>
  );
}
