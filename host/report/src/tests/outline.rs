//! A page as a reader hears it: headings, sentences, tables, and of a drawing its words and the number of its parts.

/// What stands between tags, a line each; cells of a row in one line.
pub(super) fn outline(page: &str) -> String {
    let body = page.split_once("<body>").map_or(page, |(_, body)| body);
    let (mut lines, mut line) = (Vec::new(), String::new());
    let (mut depth, mut rest) = (0_usize, body);
    while let Some((text, after)) = rest.split_once('<') {
        line.push_str(text);
        let (tag, behind) = after.split_once('>').unwrap_or((after, ""));
        rest = behind;
        let (closing, name) = tag.strip_prefix('/').map_or((false, tag), |name| (true, name));
        let name = name.split(' ').next().unwrap_or_default();
        match name {
            "svg" => {
                let (drawing, behind) = rest.split_once("</svg>").unwrap_or((rest, ""));
                rest = behind;
                line.push_str(&drawn(tag, drawing));
            }
            "td" | "th" if closing => line.push_str(" | "),
            "h1" | "h2" | "h3" | "h4" | "p" | "li" | "dt" | "dd" | "tr" | "summary" | "caption" | "figcaption" | "pre" => {
                end(&mut lines, &mut line, depth);
                if !closing && !matches!(name, "p" | "li" | "tr" | "dd") {
                    line.push_str(&format!("{name}: "));
                }
            }
            "section" | "article" | "details" | "header" | "footer" | "figure" => {
                end(&mut lines, &mut line, depth);
                if closing {
                    depth = depth.saturating_sub(1);
                } else {
                    depth += 1;
                }
            }
            _ => {}
        }
    }
    end(&mut lines, &mut line, depth);
    lines.join("\n")
}

fn end(lines: &mut Vec<String>, line: &mut String, depth: usize) {
    let text = line.trim().trim_end_matches(" |").trim();
    if !text.is_empty() && !text.ends_with(": ") {
        lines.push(format!("{:width$}{text}", "", width = depth.saturating_sub(1) * 2));
    }
    line.clear();
}

/// `[drawing: …; 2 lines, 3 marks]`; the small ones of a legend are nothing.
fn drawn(tag: &str, drawing: &str) -> String {
    if tag.contains("aria-hidden") {
        return String::new();
    }
    let between = |open: &str| {
        let words =
            drawing.split_once(open).and_then(|(_, rest)| rest.split_once('>')).and_then(|(_, rest)| rest.split_once('<'));
        words.map(|(words, _)| words.to_owned()).unwrap_or_default()
    };
    let label = tag.split_once("aria-label=\"").and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default().to_owned();
    let title = if label.is_empty() || tag.contains("aria-labelledby") { between("<title") } else { label };
    let count = |part: &str| drawing.matches(part).count();
    let parts = [("class=\"bar", "bars"), ("class=\"line", "lines"), ("class=\"limit", "limits"), ("class=\"mark", "marks")];
    let parts: Vec<String> = parts.iter().map(|(class, word)| format!("{} {word}", count(class))).collect();
    format!("[{title} {} {}]", between("<desc"), parts.join(", "))
}
