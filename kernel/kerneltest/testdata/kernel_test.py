import unittest
import jupyter_kernel_test as jkt


class GolensTests(jkt.KernelTests):
    kernel_name = "golens"
    language_name = "go"
    file_extension = ".go"
    code_hello_world = 'fmt.Println("hello, world")'
    code_stderr = 'fmt.Fprintln(os.Stderr, "oops")'
    code_generate_error = 'panic("no")'
    completion_samples = [
        {"text": "fmt.Prin", "matches": {"Println", "Print", "Printf"}},
        {"text": 's := "é"; fmt.Prin', "matches": {"Println", "Print", "Printf"}},
    ]
    complete_code_samples = ["x := 1", "fmt.Println(1)", "func f() {\n}", "%%\nf()"]
    incomplete_code_samples = ["func f() {", "fmt.Println(", "s := `a", "x := 1 +"]
    invalid_code_samples = ["f())", "x := )", "for {} }"]
    code_inspect_sample = "fmt.Println"
    code_execute_result = [
        {"code": "1 + 2", "result": "3"},
        {"code": 'strings.Repeat("ab", 2)', "result": "abab"},
        {"code": '[]int{1, 2}', "result": "[1 2]"},
    ]
    code_display_data = [
        {"code": 'gonbui.DisplayHtml("<b>x</b>")', "mime": "text/html"},
    ]
    code_history_pattern = "1*2"
    supported_history_operations = ("tail", "range", "search")
    code_clear_output = ""
    code_page_something = ""


if __name__ == "__main__":
    unittest.main()
