using System.Text.Json;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Chat.Tools;
using SK.FasterVlm.Core.Tests.Chat.Grammar;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.Core.Tests.Chat.Tools;

/// <summary>Which answers each mode lets through.</summary>
public class AnswerFormTests
{
    static AIFunctionDeclaration Tool(string name, string schema) => AIFunctionFactory.CreateDeclaration(name, "", JsonDocument.Parse(schema).RootElement);

    static readonly AITool[] s_tools =
        [Tool("pay", """{"type":"object","properties":{"amount":{"type":"integer"}},"required":["amount"]}"""), Tool("pay_all", """{"type":"object"}""")];

    const string Pay = "#call pay({\"amount\": 5})", PayAll = "#call pay_all({})";

    static Gbnf Grammar(ChatOptions options, string format = "line")
    {
        AnswerForm form = AnswerForm.From(options, ToolFormat.ByName(format));
        GrammarCheck.Run(form.Grammar!);
        return new Gbnf(form.Grammar!);
    }

    static void Check(Gbnf grammar, string[] taken, string[] refused)
    {
        foreach (string text in taken) Assert.True(grammar.Accepts(text), $"should take {text}");
        foreach (string text in refused) Assert.False(grammar.Accepts(text), $"should refuse {text}");
    }

    [Fact]
    public void Auto_takes_text_calls_and_text_before_calls_but_no_broken_call() => Check(
        Grammar(new() { Tools = s_tools }),
        ["", " Hello #1 ##call", "##cal #c#call", Pay, " " + PayAll, "First.\n" + Pay + "\n" + PayAll, "##" + Pay],
        ["#call ", "#call paid({})", "#call pay({})", "#call pay({\"amount\": 5}", Pay + " and more", Pay + "\n", "x #call no", "#call pay_all({\"x\": 1})"]);

    [Fact]
    public void One_call_at_a_time_where_several_are_not_allowed() =>
        Check(Grammar(new() { Tools = s_tools, AllowMultipleToolCalls = false }), [Pay, "Text " + Pay], [Pay + "\n" + Pay]);

    [Fact]
    public void No_end_of_calls_is_impossible() => Check(
        Grammar(new() { Tools = s_tools }),
        [string.Join('\n', Enumerable.Repeat(PayAll, 8))], [string.Join('\n', Enumerable.Repeat(PayAll, 9))]);

    [Fact]
    public void None_takes_text_without_calls() =>
        Check(Grammar(new() { Tools = s_tools, ToolMode = ChatToolMode.None }), ["", "Text with #call", "#cal"], [Pay, "#call "]);

    [Fact]
    public void A_required_call_comes_at_once() => Check(
        Grammar(new() { Tools = s_tools, ToolMode = ChatToolMode.RequireAny }), [Pay, " " + PayAll, Pay + "\n" + PayAll], ["", "Text", "Text " + Pay]);

    [Fact]
    public void A_required_function_is_the_only_one() => Check(
        Grammar(new() { Tools = s_tools, ToolMode = ChatToolMode.RequireSpecific("pay_all") }), [PayAll], [Pay, "", PayAll + "\n" + Pay]);

    [Fact]
    public void A_response_format_leaves_calls_or_json() => Check(
        Grammar(new() { Tools = s_tools, ResponseFormat = ChatResponseFormat.ForJsonSchema(JsonDocument.Parse("""{"type":"boolean"}""").RootElement) }),
        ["true", " false", Pay, Pay + "\n" + PayAll], ["Text", "true " + Pay, "1"]);

    [Fact]
    public void Json_alone_is_an_object() => Check(
        Grammar(new() { ResponseFormat = ChatResponseFormat.Json }), ["{}", " {\"a\": [1, {\"b\": null}]}"], ["[]", "1", "", "{} x"]);

    [Fact]
    public void A_response_format_with_no_calls_allowed_is_json_only() => Check(
        Grammar(new() { Tools = s_tools, ToolMode = ChatToolMode.None, ResponseFormat = ChatResponseFormat.Json }), ["{}"], [Pay, "Text"]);

    [Fact]
    public void Hermes_writes_calls_as_json_in_tags() => Check(
        Grammar(new() { Tools = s_tools }, "hermes"),
        ["a < b <tool_cal", "<tool_call>\n{\"name\": \"pay\", \"arguments\": {\"amount\": 5}}\n</tool_call>", "<<tool_call>\n{\"name\": \"pay_all\", \"arguments\": {}}\n</tool_call>"],
        ["<tool_call>", "<tool_call>\n{\"name\": \"none\", \"arguments\": {}}\n</tool_call>", "<tool_call>\n{\"name\": \"pay_all\", \"arguments\": {}}"]);

    [Fact]
    public void Free_text_needs_no_grammar() => Assert.Null(AnswerForm.From(new() { ToolMode = ChatToolMode.Auto }, ToolFormat.ByName("line")).Grammar);

    [Theory]
    [InlineData("""{"type":"object","properties":{"city":{"type":"string","description":"where\n it is"},"unit":{"enum":["c","f"]}},"required":["city"]}""", "{city: string /* where it is */, unit?: \"c\" | \"f\"}")]
    [InlineData("""{"type":["integer","null"]}""", "integer | null")]
    [InlineData("""{"$defs":{"p":{"type":"array","items":{"type":"string","format":"date"}}},"$ref":"#/$defs/p"}""", "[date, ...]")]
    [InlineData("""{"type":"object","additionalProperties":{"type":"number"}}""", "{name: number, ...}")]
    [InlineData("""{"anyOf":[{"const":1},{"$ref":"#"}]}""", "1 | 1 | 1 | 1 | any")]
    [InlineData("""true""", "any")]
    public void Schemas_are_shown_as_types(string schema, string expected)
    {
        string text = SchemaText.Of(JsonDocument.Parse(schema).RootElement);
        if (expected.EndsWith("| any", StringComparison.Ordinal)) Assert.EndsWith("any", text, StringComparison.Ordinal);
        else Assert.Equal(expected, text);
    }
}
