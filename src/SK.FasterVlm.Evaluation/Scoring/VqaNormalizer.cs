using System.Text;

namespace SK.FasterVlm.Evaluation.Scoring;

/// <summary>
/// The answer normalisation of the VQA challenge (EvalAI), in the form that TextVQA's evaluator gave it and that LLaVA applies to
/// TextVQA, VQAv2 and VizWiz: lower case, punctuation, number words, articles, contractions, in this order. Its oddities are kept,
/// for a number is only comparable when they are:
/// <list type="bullet">
/// <item>commas and question marks vanish, <c>'s</c> is split from its word;</item>
/// <item>a punctuation mark that touches a space anywhere in the text is deleted everywhere, otherwise it becomes a space;</item>
/// <item>a full stop goes unless a digit follows it (so <c>.5</c> and <c>3.14</c> keep theirs), at most 32 of them.</item>
/// </list>
/// </summary>
public static class VqaNormalizer
{
    // The original passes a flag where a count is expected, which limits the deletions to its value.
    const int MostFullStops = 32;

    const string Punctuation = ";/[]\"{}()=+\\_-><@`,?!";

    static readonly string[] s_numbers = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];

    static readonly Dictionary<string, string> s_contractions = Contractions();

    /// <summary>Normalises an answer.</summary>
    public static string Normalize(string answer)
    {
        ArgumentNullException.ThrowIfNull(answer);
        string text = answer.ToLowerInvariant().Replace(",", "").Replace("?", "").Replace("'s", " 's").Trim();
        text = text.Replace('\n', ' ').Replace('\t', ' ').Trim();
        text = StripFullStops(StripPunctuation(text));
        return string.Join(' ', Words(text));
    }

    static string StripPunctuation(string text)
    {
        string result = text;
        foreach (char mark in Punctuation)
            result = text.Contains($"{mark} ") || text.Contains($" {mark}") ? result.Replace(mark.ToString(), "") : result.Replace(mark, ' ');
        return result;
    }

    static string StripFullStops(string text)
    {
        var result = new StringBuilder(text.Length);
        int removed = 0;
        for (int i = 0; i < text.Length; i++)
        {
            bool beforeDigit = i + 1 < text.Length && char.IsDigit(text[i + 1]);
            if (text[i] == '.' && !beforeDigit && removed < MostFullStops) removed++;
            else result.Append(text[i]);
        }
        return result.ToString();
    }

    static IEnumerable<string> Words(string text)
    {
        foreach (string word in text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        {
            string mapped = word == "none" ? "0" : Array.IndexOf(s_numbers, word) is var n and >= 0 ? n.ToString(System.Globalization.CultureInfo.InvariantCulture) : word;
            if (mapped is "a" or "an" or "the") continue;
            yield return s_contractions.GetValueOrDefault(mapped, mapped);
        }
    }

    // The challenge's table lists contractions with one apostrophe forgotten. Listing the right forms and forgetting the apostrophes
    // here gives the same table; entries that lower-casing can never reach (I'm, I've) are left out.
    static Dictionary<string, string> Contractions()
    {
        const string Forms = """
            ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't he'd he'd've he's
            how'd how'll how's isn't it'd it'd've it'll ma'am mightn't mightn't've might've mustn't must've needn't not've o'clock
            oughtn't 'ow's'at shan't she'd've should've shouldn't shouldn't've somebody'd've somebody'll somebody's someone'd
            someone'd've someone'll someone's something'd something'd've something'll that's there'd there'd've there're there's
            they'd they'd've they'll they're they've 'twas wasn't we'd've we've weren't what'll what're what's what've when's
            where'd where's where've who'd who'd've who'll who's who've why'll why're why's won't would've wouldn't wouldn't've
            y'all y'all'll y'all'd've you'd you'd've you'll you're you've
            """;
        var table = new Dictionary<string, string>();
        foreach (string form in Forms.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
            for (int i = form.IndexOf('\''); i >= 0; i = form.IndexOf('\'', i + 1)) table[form.Remove(i, 1)] = form;
        // The one entry that goes the other way.
        table["somebody'd"] = "somebodyd";
        return table;
    }
}
