using System.Text.RegularExpressions;

namespace SK.FasterVlm.Evaluation.Scoring;

/// <summary>
/// What answering without looking can reach: to every question the commonest label of the questions of the same category and form. The
/// form is the question with the words left open that come in less than a tenth of its category's questions (the names of things, mostly).
/// The commonest label is taken from these very labels, so a blind answerer can do no better by such a rule.
/// </summary>
static partial class BlindBaseline
{
    const double Rare = 0.1;

    /// <summary>Share right in percent, by group.</summary>
    /// <param name="questions">Category, groups it counts in, wording and label of every question.</param>
    internal static Dictionary<string, double> Compute(IEnumerable<(string Category, string[] Groups, string Text, string Label)> questions)
    {
        var right = new Dictionary<string, (int Right, int Total)>();
        foreach (var category in questions.GroupBy(static q => q.Category))
        {
            var all = category.Select(static q => (q.Groups, q.Label, Words: Word().Matches(q.Text.ToLowerInvariant()).Select(static m => m.Value).ToArray())).ToList();
            Dictionary<string, int> frequency = all.SelectMany(static q => q.Words.Distinct()).GroupBy(static w => w).ToDictionary(static g => g.Key, static g => g.Count());
            foreach (var form in all.GroupBy(q => string.Join(' ', q.Words.Select(w => frequency[w] < Rare * all.Count ? "*" : w))))
            {
                // Of equally frequent labels the first in the alphabet: the number must not depend on the order of the file.
                string common = form.GroupBy(static q => q.Label).OrderByDescending(static g => g.Count()).ThenBy(static g => g.Key, StringComparer.Ordinal).First().Key;
                foreach (var question in form)
                    foreach (string group in question.Groups)
                    {
                        (int hits, int total) = right.GetValueOrDefault(group);
                        right[group] = (hits + (question.Label == common ? 1 : 0), total + 1);
                    }
            }
        }
        return right.ToDictionary(static r => r.Key, static r => 100.0 * r.Value.Right / r.Value.Total);
    }

    [GeneratedRegex(@"\w+")]
    private static partial Regex Word();
}
