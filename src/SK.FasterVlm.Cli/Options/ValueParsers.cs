using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Cli.Options;

/// <summary>How numbers are written on the command line: always with a decimal point, whatever the machine's language.</summary>
internal static class ValueParsers
{
    /// <summary>A share: <c>0.1</c> or <c>10%</c>.</summary>
    public static bool TryShare(string text, out double share)
    {
        bool percent = text.EndsWith('%');
        bool number = double.TryParse(percent ? text[..^1] : text, NumberStyles.Float, CultureInfo.InvariantCulture, out share);
        if (percent) share /= 100;
        return number && share >= 0 && share <= 1;
    }

    /// <summary>Parser for an option that takes a share.</summary>
    public static double? Share(ArgumentResult result)
    {
        string text = result.Tokens[^1].Value;
        if (TryShare(text, out double share)) return share;
        result.AddError($"'{text}' is not a share: write 0 to 1, or a percentage such as 10%.");
        return null;
    }

    /// <summary>Parser for an option that takes shares separated by commas.</summary>
    public static double[] Shares(ArgumentResult result)
    {
        List<double> shares = [];
        foreach (string text in Items(result))
        {
            if (TryShare(text, out double share)) shares.Add(share);
            else result.AddError($"'{text}' is not a share: write 0 to 1, or a percentage such as 10%.");
        }

        return [.. shares];
    }

    /// <summary>An option that takes a whole number.</summary>
    public static Option<int> Integer(string name, string description, int minimum, int maximum, int? standard = null, params string[] aliases)
    {
        Option<int> option = new(name, aliases) { Description = description, HelpName = "number" };
        if (standard is int value) option.DefaultValueFactory = _ => value;
        option.CustomParser = result =>
        {
            string text = result.Tokens[^1].Value;
            if (int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) && number >= minimum && number <= maximum) return number;
            result.AddError($"{name} takes a whole number from {minimum} to {maximum}, not '{text}'.");
            return 0;
        };
        return option;
    }

    /// <summary>Parser for an option that takes one name of an enumeration.</summary>
    public static T Name<T>(ArgumentResult result) where T : struct, Enum
    {
        T[] names = Names<T>(result);
        if (names.Length > 1) result.AddError("Give one name, not several.");
        return names.Length == 1 ? names[0] : default;
    }

    /// <summary>Parser for an option that takes names of an enumeration, or several separated by commas.</summary>
    public static T[] Names<T>(ArgumentResult result) where T : struct, Enum
    {
        List<T> values = [];
        foreach (string text in Items(result))
        {
            // TryParse would take numbers as well.
            if (!char.IsAsciiDigit(text[0]) && Enum.TryParse(text, ignoreCase: true, out T value)) values.Add(value);
            else result.AddError($"'{text}' is not one of {string.Join(", ", Enum.GetNames<T>()).ToLowerInvariant()}.");
        }

        return [.. values];
    }

    /// <summary>Parser for an option that takes whole numbers from 0 up, separated by commas.</summary>
    public static int[] Integers(ArgumentResult result)
    {
        List<int> numbers = [];
        foreach (string text in Items(result))
        {
            if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number)) numbers.Add(number);
            else result.AddError($"'{text}' is not a whole number from 0 up.");
        }

        return [.. numbers];
    }

    /// <summary>As <see cref="Integers"/>, also with ranges such as <c>131-258</c>; 4096 numbers at most.</summary>
    public static int[] IntegerRanges(ArgumentResult result)
    {
        const int Most = 4096;
        List<int> numbers = [];
        foreach (string text in Items(result))
        {
            string[] ends = text.Split('-');
            bool range = int.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out int first)
                & int.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out int last) && ends.Length <= 2 && first <= last;
            if (range && last - first < Most - numbers.Count) numbers.AddRange(Enumerable.Range(first, last - first + 1));
            else result.AddError($"'{text}' is no whole number from 0 up and no range of them such as 131-258, or makes more than {Most}.");
        }

        return [.. numbers];
    }

    /// <summary>Parser for an option that takes view settings.</summary>
    public static ViewSettings Views(ArgumentResult result)
    {
        string text = string.Join(',', result.Tokens.Select(static token => token.Value));
        if (ViewSettings.TryParse(text, out ViewSettings? views)) return views;
        result.AddError($"'{text}' names no views; write {ViewSettings.Syntax}.");
        return ViewSettings.Default;
    }

    /// <summary>Parser for an option that takes selectors, separated by commas.</summary>
    public static string[] SelectorNames(ArgumentResult result)
    {
        string[] names = Items(result);
        foreach (string name in names)
            if (!VisualTokenSelectors.Names.Contains(name)) result.AddError($"'{name}' is not one of {string.Join(", ", VisualTokenSelectors.Names)}.");
        return names;
    }

    // A list of commas alone would be taken for no list at all.
    static string[] Items(ArgumentResult result)
    {
        string[] items = [.. result.Tokens
            .SelectMany(static token => token.Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))];
        if (items.Length == 0) result.AddError($"'{string.Join(' ', result.Tokens.Select(static token => token.Value))}' holds no value; separate values by commas.");
        return items;
    }
}
