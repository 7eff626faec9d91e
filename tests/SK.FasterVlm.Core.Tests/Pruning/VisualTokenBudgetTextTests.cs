using System.ComponentModel;
using System.Text.Json;
using SK.FasterVlm.Pruning;

namespace SK.FasterVlm.Core.Tests.Pruning;

public class VisualTokenBudgetTextTests
{
    public static TheoryData<string, VisualTokenBudget> Texts => new()
    {
        { "all", VisualTokenBudget.All },
        { " ALL ", VisualTokenBudget.All },
        { "10%", VisualTokenBudget.Keep(0.1) },
        { "12.5 %", VisualTokenBudget.Keep(0.125) },
        { "0%", VisualTokenBudget.Keep(0) },
        { "58", VisualTokenBudget.Count(58) },
        { "0", VisualTokenBudget.Count(0) },
        { "mass:0.9", VisualTokenBudget.Mass(0.9) },
        { "mass:90%", VisualTokenBudget.Mass(0.9) },
    };

    [Theory]
    [MemberData(nameof(Texts))]
    public void A_budget_has_a_text_form(string text, VisualTokenBudget expected)
    {
        Assert.Equal(expected, VisualTokenBudget.Parse(text));
        Assert.Equal(expected, VisualTokenBudget.Parse(expected.ToText()));
        Assert.Equal(expected, TypeDescriptor.GetConverter(typeof(VisualTokenBudget)).ConvertFromInvariantString(text));
        Assert.Equal(expected, JsonSerializer.Deserialize<VisualTokenBudget>(JsonSerializer.Serialize(expected)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("much")]
    [InlineData("-1")]
    [InlineData("0.5")]
    [InlineData("101%")]
    [InlineData("-5%")]
    [InlineData("mass:")]
    [InlineData("mass:1.5")]
    [InlineData("mass:NaN")]
    [InlineData("99999999999")]
    [InlineData("1e1%")]
    public void Anything_else_is_refused(string text)
    {
        Assert.False(VisualTokenBudget.TryParse(text, out _));
        Assert.Throws<FormatException>(() => VisualTokenBudget.Parse(text));
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<VisualTokenBudget>(JsonSerializer.Serialize(text)));
    }
}
